// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/regions.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "deeplab/core/sample.h"

namespace deeplab::metrics {
namespace {

TEST(RegionSizes, TellRegionsApartByTheirPixels) {
  auto labels = torch::zeros({100, 200}, torch::kInt64);
  labels.slice(0, 0, 31).slice(1, 0, 33).fill_(1);    // 1023: small
  labels.slice(0, 40, 72).slice(1, 0, 32).fill_(1);   // 1024: medium
  labels.slice(0, 72, 73).slice(1, 32, 33).fill_(1);  // shares only a corner
  labels.slice(0, 90, 100).slice(1, 0, 10).fill_(kVoid);
  const auto sizes = region_sizes(labels);
  const auto is = [&](RegionSize size) {
    return sizes.eq(static_cast<int64_t>(size)).sum().item<int64_t>();
  };
  EXPECT_EQ(is(RegionSize::kSmall), 31 * 33);
  EXPECT_EQ(is(RegionSize::kMedium), 32 * 32 + 1);
  EXPECT_EQ(is(RegionSize::kLarge), 100 * 200 - 31 * 33 - 32 * 32 - 1 - 100);
  EXPECT_EQ(sizes.eq(kVoid).sum().item<int64_t>(), 100);
}

/// Returns the number of pixels of the region around a pixel, which grows from
/// it one step at a time.
int64_t slow_region(const torch::Tensor& labels, int64_t row, int64_t column) {
  const auto same = labels.eq(labels[row][column]);
  auto region = torch::zeros_like(same);
  region[row][column] = true;
  for (int64_t before = 0, now = 1; before != now;) {
    before = now;
    const auto grown = torch::max_pool2d(
        region.to(torch::kFloat32).unsqueeze(0), {3, 3}, {1, 1}, {1, 1}
    );
    region = grown[0].gt(0).logical_and(same);
    now = region.sum().item<int64_t>();
  }
  return region.sum().item<int64_t>();
}

TEST(RegionSizes, AreThoseOfRegionsThatGrowStepByStep) {
  torch::manual_seed(5);
  // Blobs with ragged borders, whose regions have 1 to several thousand pixels.
  for (const double share : {0.35, 0.5, 0.6}) {
    auto labels = torch::rand({60, 90}).lt(share).to(torch::kInt64);
    labels.slice(1, 30, 60).slice(0, 10, 50).fill_(2);
    labels.slice(0, 20, 22).fill_(kVoid);
    const auto sizes = region_sizes(labels);
    for (int64_t i = 0; i < labels.numel(); i += 37) {
      const auto row = i / 90;
      const auto column = i % 90;
      const auto pixels = slow_region(labels, row, column);
      const auto expected = pixels < 1024   ? RegionSize::kSmall
                            : pixels < 9216 ? RegionSize::kMedium
                                            : RegionSize::kLarge;
      const auto is_void = labels[row][column].item<int64_t>() == kVoid;
      EXPECT_EQ(
          sizes[row][column].item<int64_t>(),
          is_void ? kVoid : static_cast<int64_t>(expected)
      ) << row
        << ' ' << column << ' ' << pixels;
    }
  }
}

}  // namespace
}  // namespace deeplab::metrics
