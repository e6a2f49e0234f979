// SPDX-License-Identifier: Apache-2.0
#include "data/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/core.h>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "data/tensors.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

constexpr size_t kChannels = 3;

cv::Scalar mean_color(const Normalization& normalization) {
  const auto& mean = normalization.mean;
  return {255 * mean[2], 255 * mean[1], 255 * mean[0]};
}

/// Scales brightness, then contrast about the image's mean grey level, then
/// saturation, each by a random factor.
void jitter(cv::Mat& image, const AugmentConfig& config, Random& random) {
  const auto factor = [&](double spread) {
    return static_cast<float>(random.uniform(1 - spread, 1 + spread));
  };
  const float brightness = factor(config.brightness);
  const float contrast = factor(config.contrast);
  const float saturation = factor(config.saturation);
  if (brightness == 1 && contrast == 1 && saturation == 1) return;
  const cv::Scalar means = cv::mean(image);
  const auto middle = static_cast<float>(
      0.114 * means[0] + 0.587 * means[1] + 0.299 * means[2]
  );
  const float scale = brightness * contrast;
  const float shift = brightness * middle * (1 - contrast);
  for (int y = 0; y < image.rows; ++y) {
    auto* row = image.ptr<cv::Vec3b>(y);
    for (int x = 0; x < image.cols; ++x) {
      cv::Vec3f pixel = cv::Vec3f(row[x]) * scale + cv::Vec3f::all(shift);
      const float grey =
          0.114F * pixel[0] + 0.587F * pixel[1] + 0.299F * pixel[2];
      pixel = pixel * saturation + cv::Vec3f::all(grey * (1 - saturation));
      for (int channel = 0; channel < 3; ++channel) {
        row[x][channel] = cv::saturate_cast<uint8_t>(pixel[channel]);
      }
    }
  }
}

/// Returns the fraction of the pixels, void ones excluded, that belong to the
/// most frequent class; 1 if every pixel is void.
double largest_share(const cv::Mat& labels) {
  std::array<int64_t, 256> counts{};
  for (int y = 0; y < labels.rows; ++y) {
    const auto* row = labels.ptr<uint8_t>(y);
    for (int x = 0; x < labels.cols; ++x) ++counts[row[x]];
  }
  counts[kVoid] = 0;
  const auto total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  if (total == 0) return 1;
  return static_cast<double>(*std::max_element(counts.begin(), counts.end())) /
         static_cast<double>(total);
}

}  // namespace

void AugmentConfig::validate() const {
  check_config(*this, "augment");
  constexpr double kMostScale = 100;
  if (scale_max >= scale_min && scale_max < kMostScale) return;
  throw ConfigError(fmt::format(
      "augment.scale_max is {}; must be >= augment.scale_min and < 100",
      scale_max
  ));
}

RawSample augment(
    const RawSample& sample,
    const AugmentConfig& config,
    const Normalization& normalization,
    Random& random
) {
  const double scale = random.uniform(config.scale_min, config.scale_max);
  const auto scaled = [&](int side) {
    return std::max(1, static_cast<int>(std::lround(side * scale)));
  };
  const cv::Size size(scaled(sample.image.cols), scaled(sample.image.rows));
  cv::Mat image;
  cv::Mat labels;
  cv::resize(
      sample.image, image, size, 0, 0,
      scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR
  );
  cv::resize(sample.labels, labels, size, 0, 0, cv::INTER_NEAREST_EXACT);

  const int crop = static_cast<int>(config.crop);
  const auto offset = [&](int side) {
    return static_cast<int>(random.integer(0, std::max(0, side - crop)));
  };
  cv::Rect area;
  for (int64_t tries = 0; tries < config.crop_tries; ++tries) {
    const int left = offset(size.width);
    const int top = offset(size.height);
    area = cv::Rect(
        left, top, std::min(crop, size.width), std::min(crop, size.height)
    );
    if (config.crop_tries == 1) break;
    if (largest_share(labels(area)) <= config.crop_max_share) break;
  }
  const int below = crop - area.height;
  const int right = crop - area.width;
  cv::Mat seen = image(area).clone();
  jitter(seen, config, random);
  RawSample result;
  result.name = sample.name;
  cv::copyMakeBorder(
      seen, result.image, 0, below, 0, right, cv::BORDER_CONSTANT,
      mean_color(normalization)
  );
  cv::copyMakeBorder(
      labels(area), result.labels, 0, below, 0, right, cv::BORDER_CONSTANT,
      cv::Scalar(static_cast<double>(kVoid))
  );
  if (random.chance(config.flip)) {
    cv::flip(result.image, result.image, 1);
    cv::flip(result.labels, result.labels, 1);
  }
  return result;
}

Sample to_sample(const RawSample& raw, const Normalization& normalization) {
  Sample sample;
  sample.name = raw.name;
  sample.image = to_tensor(raw.image, normalization);
  sample.labels =
      torch::empty({raw.labels.rows, raw.labels.cols}, torch::kInt64);
  auto* target = sample.labels.data_ptr<int64_t>();
  for (int y = 0; y < raw.labels.rows; ++y) {
    const auto* row = raw.labels.ptr<uint8_t>(y);
    target = std::copy(row, row + raw.labels.cols, target);
  }
  return sample;
}

}  // namespace deeplab::data
