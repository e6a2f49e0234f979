// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/pair_loops.h"

#include <cmath>

#include <gtest/gtest.h>

namespace deeplab::crf {
namespace {

/// Pixel 0 is at 0, and the others at positions for which the weights are e^-x.
TEST(ComputePairs, IsTheExponential) {
  constexpr size_t kCount = 8008;
  Rows coordinates(1, kCount);
  for (size_t i = 1; i < kCount; ++i) {
    coordinates[0][i] = std::sqrt(2 * static_cast<float>(i) * 0.0109F);
  }
  std::vector<float> weights(kCount);
  compute_pairs({coordinates, 0}, weights.data());
  for (size_t i = 0; i < kCount; ++i) {
    // The distance is rounded to float, as in the loop.
    const float apart = coordinates[0][i];
    const auto x = static_cast<double>(apart * apart * -0.5F);
    if (x < -87.001) {
      EXPECT_EQ(weights[i], 0) << x;
    } else if (x > -86.999) {
      const double ratio = static_cast<double>(weights[i]) / std::exp(x);
      EXPECT_NEAR(ratio, 1, x > -20 ? 1e-6 : 2e-6) << x;
    }
  }
}

}  // namespace
}  // namespace deeplab::crf
