// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/bands.h"

#include <cmath>

#include <gtest/gtest.h>

namespace deeplab::crf {
namespace {

using Row = std::vector<double>;

Row applied(const Bands& bands, const Row& inputs) {
  EXPECT_EQ(bands.inputs, inputs.size());
  Row outputs(bands.outputs);
  for (size_t i = 0; i < bands.outputs; ++i) {
    for (size_t t = 0; t < bands.count; ++t) {
      outputs[i] += static_cast<double>(bands.taps[i * bands.count + t]) *
                    inputs.at(bands.first[i] + t);
    }
  }
  return outputs;
}

Row blurred(const GaussianBands& bands, const Row& values, size_t step) {
  if (step == 1) return applied(bands.blur, values);
  return applied(bands.up, applied(bands.blur, applied(bands.down, values)));
}

struct RowCase {
  double sigma;
  size_t extent;
  size_t step;
};

class GaussianOverARow : public ::testing::TestWithParam<RowCase> {};

/// Checks the response to an impulse at every pixel, and the sums that
/// normalise each pixel.
TEST_P(GaussianOverARow, IsTheGaussian) {
  const auto [sigma, extent, step] = GetParam();
  ASSERT_EQ(gaussian_step(sigma, extent), step);
  const auto bands = gaussian_bands(sigma, extent, step);
  // Largest value of the Gaussian that is cut off, at four standard deviations.
  const double tail = std::exp(-8.0);
  Row sums(extent);
  Row expected_sums(extent);
  for (size_t from = 0; from < extent; ++from) {
    Row impulse(extent);
    impulse[from] = 1;
    const auto response = blurred(bands, impulse, step);
    for (size_t to = 0; to < extent; ++to) {
      const double apart =
          (static_cast<double>(to) - static_cast<double>(from)) / sigma;
      const double expected = std::exp(-0.5 * apart * apart);
      EXPECT_NEAR(response[to], expected, step == 1 ? 1.1 * tail : 6e-3)
          << from << " to " << to;
      sums[to] += response[to];
      expected_sums[to] += expected;
    }
  }
  for (size_t i = 0; i < extent; ++i) {
    EXPECT_NEAR(sums[i] / expected_sums[i], 1, 1e-3) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Widths,
    GaussianOverARow,
    ::testing::Values(
        RowCase{1e-3, 5, 1},
        RowCase{1, 40, 1},
        RowCase{2.9, 1, 1},
        RowCase{2.9, 50, 1},
        RowCase{3, 1, 1},
        RowCase{3, 31, 1},
        RowCase{3, 32, 2},
        RowCase{3, 64, 2},
        RowCase{3, 65, 2},
        RowCase{5.9, 50, 2},
        RowCase{6, 90, 4},
        RowCase{8.3, 91, 4},
        RowCase{12, 33, 2},
        RowCase{12, 130, 8},
        RowCase{67, 200, 8},
        RowCase{67, 550, 32},
        RowCase{1e4, 30, 1},
        RowCase{1e9, 64, 4}
    )
);

}  // namespace
}  // namespace deeplab::crf
