// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/bands.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace deeplab::crf {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// Builds bands with the taps tap(output, input) for `count` inputs from
/// first(output) on. At the ends, the inputs are shifted to stay within the
/// row.
template <class First, class Tap>
Bands make_bands(
    int64_t inputs, int64_t outputs, int64_t count, First first, Tap tap
) {
  Bands bands;
  bands.inputs = static_cast<size_t>(inputs);
  bands.outputs = static_cast<size_t>(outputs);
  count = std::min(count, inputs);
  bands.count = static_cast<size_t>(count);
  for (int64_t output = 0; output < outputs; ++output) {
    const int64_t begin = std::clamp(first(output), int64_t{0}, inputs - count);
    bands.first.push_back(static_cast<uint32_t>(begin));
    for (int64_t input = begin; input < begin + count; ++input) {
      bands.taps.push_back(static_cast<float>(tap(output, input)));
    }
  }
  return bands;
}

/// Returns the filter over pixels that equals repeated smoothing by [1 4 6 4 1]
/// / 16, each time at every second of the remaining places, until every
/// `step`-th is left. The filter is symmetric; element 0 is its centre.
std::vector<double> smoothing(int64_t step) {
  std::vector<double> whole{1};
  for (int64_t apart = 1; apart < step; apart *= 2) {
    const double binomial[] = {1, 4, 6, 4, 1};
    std::vector<double> wider(whole.size() + static_cast<size_t>(4 * apart));
    for (size_t i = 0; i < whole.size(); ++i) {
      for (size_t t = 0; t < 5; ++t) {
        wider[i + t * static_cast<size_t>(apart)] +=
            whole[i] * binomial[t] / 16;
      }
    }
    whole = std::move(wider);
  }
  return {whole.begin() + static_cast<int64_t>(whole.size() / 2), whole.end()};
}

/// Returns the tap at a distance of `place` steps of the filter that, between
/// two smoothings, gives the Gaussian. Its Fourier transform is the Gaussian's
/// divided by the square of the smoothing's, which is the product of cos(2^k w
/// / 2)^4 over the levels k.
double left_of_gaussian(double sigma, double step, double place) {
  // The integral is in units of 1 / sigma, up to the highest frequency that the
  // coarse grid can represent.
  constexpr int kIntervals = 2048;
  const double end = std::min(8.0, kPi * sigma / step);
  double sum = 0;
  for (int i = 0; i <= kIntervals; ++i) {
    const double u = end * i / kIntervals;
    double smoothed = 1;
    for (double apart = 1; apart < step; apart *= 2) {
      smoothed *= std::pow(std::cos(apart * u / sigma / 2), 8);
    }
    const double value =
        std::exp(-0.5 * u * u) / smoothed * std::cos(u * place * step / sigma);
    sum += i == 0 || i == kIntervals ? value / 2 : value;
  }
  return step * step * std::sqrt(2 / kPi) * sum * end / kIntervals;
}

}  // namespace

size_t gaussian_step(double sigma, size_t extent) {
  size_t step = 1;
  while (static_cast<double>(2 * step) * 1.5 <= sigma && 32 * step <= extent) {
    step *= 2;
  }
  return step;
}

GaussianBands gaussian_bands(double sigma, size_t extent, size_t step) {
  const auto pixels = static_cast<int64_t>(extent);
  const auto stride = static_cast<int64_t>(step);
  const auto smooth = smoothing(stride);
  const auto reach = static_cast<int64_t>(smooth.size()) - 1;
  // Place p of the coarse row lies at pixel (p - 1) * stride. The row has all
  // places that some pixel reaches.
  const int64_t places =
      stride == 1 ? pixels : (pixels - 1 + reach) / stride + 2;
  const auto radius = static_cast<int64_t>(std::min(
      static_cast<double>(places - 1),
      std::ceil(4 * sigma / static_cast<double>(step))
  ));
  std::vector<double> taps;
  for (int64_t t = 0; t <= radius; ++t) {
    const auto apart = static_cast<double>(t);
    taps.push_back(
        stride == 1 ? std::exp(-0.5 * apart * apart / (sigma * sigma))
                    : left_of_gaussian(sigma, static_cast<double>(step), apart)
    );
  }
  const auto tap_at = [](const std::vector<double>& values, int64_t apart) {
    const auto place = static_cast<size_t>(std::abs(apart));
    return place < values.size() ? values[place] : 0;
  };
  GaussianBands result;
  result.blur = make_bands(
      places, places, 2 * radius + 1,
      [&](int64_t output) { return output - radius; },
      [&](int64_t output, int64_t input) {
        return tap_at(taps, output - input);
      }
  );
  if (stride == 1) return result;
  result.down = make_bands(
      pixels, places, 2 * reach + 1,
      [&](int64_t output) { return (output - 1) * stride - reach; },
      [&](int64_t output, int64_t input) {
        return tap_at(smooth, (output - 1) * stride - input);
      }
  );
  result.up = make_bands(
      places, pixels, stride == 2 ? 3 : 4,
      [&](int64_t output) {
        // The first place within reach; output + 2 * stride > reach keeps the
        // dividend positive, so that the division rounds down.
        return (output - reach + 2 * stride + stride - 1) / stride - 1;
      },
      [&](int64_t output, int64_t input) {
        return tap_at(smooth, output - (input - 1) * stride);
      }
  );
  return result;
}

}  // namespace deeplab::crf
