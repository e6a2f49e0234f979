// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/regions.h"

#include <vector>

#include "deeplab/core/sample.h"

namespace deeplab::metrics {
namespace {

RegionSize size_of(size_t pixels) {
  constexpr size_t kSmallBelow = 32 * 32;
  constexpr size_t kLargeFrom = 96 * 96;
  if (pixels < kSmallBelow) return RegionSize::kSmall;
  return pixels < kLargeFrom ? RegionSize::kMedium : RegionSize::kLarge;
}

/// Returns the pixels of the region around `start` and marks them as seen.
std::vector<int64_t> collect_region(
    const torch::TensorAccessor<int64_t, 2>& labels,
    int64_t start,
    std::vector<bool>& seen
) {
  const int64_t width = labels.size(1);
  const int64_t label = labels[start / width][start % width];
  std::vector<int64_t> region{start};
  seen[static_cast<size_t>(start)] = true;
  for (size_t next = 0; next < region.size(); ++next) {
    const int64_t row = region[next] / width;
    const int64_t column = region[next] % width;
    for (int64_t y = row - 1; y <= row + 1; ++y) {
      for (int64_t x = column - 1; x <= column + 1; ++x) {
        const bool inside = y >= 0 && y < labels.size(0) && x >= 0 && x < width;
        if (!inside || labels[y][x] != label) continue;
        const auto pixel = static_cast<size_t>(y * width + x);
        if (seen[pixel]) continue;
        seen[pixel] = true;
        region.push_back(y * width + x);
      }
    }
  }
  return region;
}

}  // namespace

torch::Tensor region_sizes(const torch::Tensor& labels) {
  const auto whole = labels.contiguous();
  const auto access = whole.accessor<int64_t, 2>();
  auto sizes = torch::full_like(whole, kVoid);
  auto* size = sizes.data_ptr<int64_t>();
  const auto* label = whole.data_ptr<int64_t>();
  std::vector<bool> seen(static_cast<size_t>(whole.numel()));
  for (int64_t pixel = 0; pixel < whole.numel(); ++pixel) {
    if (seen[static_cast<size_t>(pixel)] || label[pixel] == kVoid) continue;
    const auto region = collect_region(access, pixel, seen);
    const auto kind = static_cast<int64_t>(size_of(region.size()));
    for (const auto member : region) size[member] = kind;
  }
  return sizes;
}

}  // namespace deeplab::metrics
