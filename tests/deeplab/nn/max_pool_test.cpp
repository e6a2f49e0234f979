// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/max_pool.h"

#include <limits>

#include <torch/torch.h>

#include "support/support.h"

namespace deeplab::nn {
namespace {

/// Returns the largest of 3 x 3 pixels that are `dilation` apart, computed with
/// a plain loop.
float largest_around(
    const torch::Tensor& map, int64_t y, int64_t x, int64_t dilation
) {
  float most = -std::numeric_limits<float>::infinity();
  for (int64_t v = y - dilation; v <= y + dilation; v += dilation) {
    for (int64_t u = x - dilation; u <= x + dilation; u += dilation) {
      if (v < 0 || u < 0 || v >= map.size(0) || u >= map.size(1)) continue;
      most = std::max(most, map[v][u].item<float>());
    }
  }
  return most;
}

TEST(MaxPool, WithoutStrideIsTheLargestAroundEachPixelInEachPrecision) {
  torch::manual_seed(1);
  for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
    for (const int64_t dilation : {1, 2, 4}) {
      MaxPool pool(MaxPoolOptions(3).dilatable(true));
      pool->set_stride_and_dilation(1, dilation);
      // The values are below 0, so that a padding with zeros would be detected.
      const auto map = (torch::randn({1, 1, 6, 7}) - 5).to(type);
      const auto pooled = pool(map);
      ASSERT_EQ(pooled.sizes(), map.sizes());
      for (int64_t y = 0; y < 6; ++y) {
        for (int64_t x = 0; x < 7; ++x) {
          EXPECT_EQ(
              pooled[0][0][y][x].item<float>(),
              largest_around(map[0][0], y, x, dilation)
          );
        }
      }
    }
  }
}

}  // namespace
}  // namespace deeplab::nn
