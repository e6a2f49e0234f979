// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/trimap.h"

#include <torch/torch.h>

#include "deeplab/core/sample.h"
#include "support/support.h"

namespace deeplab::metrics {
namespace {

using Labels = std::vector<std::vector<int64_t>>;

/// Returns whether there is an edge pixel within width - 1 pixels in both
/// directions, checked pixel by pixel.
bool in_band(const Labels& labels, int64_t y, int64_t x, int64_t width) {
  const auto height = static_cast<int64_t>(labels.size());
  const auto columns = static_cast<int64_t>(labels[0].size());
  const auto at = [&](int64_t row, int64_t column) {
    return labels[static_cast<size_t>(row)][static_cast<size_t>(column)];
  };
  const auto inside = [&](int64_t row, int64_t column) {
    return row >= 0 && row < height && column >= 0 && column < columns;
  };
  for (int64_t row = y - width + 1; row < y + width; ++row) {
    for (int64_t column = x - width + 1; column < x + width; ++column) {
      if (!inside(row, column)) continue;
      if (at(row, column) == kVoid) return true;
      for (const auto& [dy, dx] : {std::pair{0, 1}, {1, 0}, {0, -1}, {-1, 0}}) {
        if (inside(row + dy, column + dx) &&
            at(row + dy, column + dx) != at(row, column)) {
          return true;
        }
      }
    }
  }
  return false;
}

TEST(BoundaryBand, EqualsASearchAroundEachPixel) {
  torch::manual_seed(3);
  for (const int64_t width : {1, 2, 5}) {
    // The labels are blocks of 6 pixels with three classes and a few void
    // pixels.
    auto labels = torch::randint(0, 3, {4, 5})
                      .repeat_interleave(6, 0)
                      .repeat_interleave(6, 1);
    labels[3][20] = kVoid;
    const auto band = boundary_band(labels, width);
    Labels rows;
    for (int64_t y = 0; y < labels.size(0); ++y) {
      const auto row = labels[y].contiguous();
      rows.emplace_back(
          row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + row.numel()
      );
    }
    for (int64_t y = 0; y < labels.size(0); ++y) {
      for (int64_t x = 0; x < labels.size(1); ++x) {
        const auto expected =
            in_band(rows, y, x, width) ? labels[y][x].item<int64_t>() : kVoid;
        ASSERT_EQ(band[y][x].item<int64_t>(), expected) << y << ' ' << x;
      }
    }
  }
}

TEST(BoundaryBand, IsEmptyWhereThereIsNoBoundary) {
  const auto band = boundary_band(torch::zeros({1, 7}, torch::kInt64), 3);
  EXPECT_TRUE(band.eq(kVoid).all().item<bool>());
}

}  // namespace
}  // namespace deeplab::metrics
