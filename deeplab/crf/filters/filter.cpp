// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/filters/filter.h"

#include <algorithm>

#include "deeplab/crf/kernels/parallel.h"

namespace deeplab::crf {

Scales unit_scales(size_t pixels) {
  return {std::vector<float>(pixels, 1), std::vector<float>(pixels, 1)};
}

std::vector<float> Filter::sums(size_t pixels) const {
  Rows ones(pixels, 1, Content::kUnset);
  parallel_ranges(pixels, [&](Range range) {
    std::fill(ones[range.begin], ones[range.end], 0.0F);
    for (size_t i = range.begin; i < range.end; ++i) ones[i][0] = 1;
  });
  std::vector<float> result(pixels);
  auto workspace = make_workspace(1);
  read(ones, 0, workspace);
  parallel_ranges(pixels, [&](Range range) {
    constexpr size_t kTogether = 512;
    Rows sums(kTogether, 1);
    for (size_t at = range.begin; at < range.end; at += kTogether) {
      const Range own{at, std::min(at + kTogether, range.end)};
      std::fill(sums[0], sums[kTogether], 0.0F);
      add(ones, workspace, own, sums[0]);
      for (size_t i = own.begin; i < own.end; ++i) {
        result[i] = sums[i - own.begin][0];
      }
    }
  });
  return result;
}

void Filter::add_tile(
    const Rows& values, const Rows& workspace, const Tile& tile, float* sums
) const {
  for (size_t row = 0; row < tile.rows; ++row) {
    add(values, workspace, tile.row(row), sums);
    sums += tile.columns * values.width();
  }
}

}  // namespace deeplab::crf
