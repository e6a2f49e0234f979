// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/regions.h"

#include <algorithm>
#include <vector>

#include "deeplab/core/sample.h"

namespace deeplab::metrics {
namespace {

RegionSize size_of(int64_t pixels) {
  constexpr int64_t kSmallBelow = int64_t{32} * 32;
  constexpr int64_t kLargeFrom = int64_t{96} * 96;
  if (pixels < kSmallBelow) return RegionSize::kSmall;
  return pixels < kLargeFrom ? RegionSize::kMedium : RegionSize::kLarge;
}

/// Pixels of one label that follow each other in a row.
struct Run {
  int64_t first;
  /// One after the last.
  int64_t end;
  /// A run of the same region, itself for one run of each region.
  size_t parent;
};

/// Returns the run that stands for the region of `run`, and shortens the way to
/// it for the next call.
size_t root_of(std::vector<Run>& runs, size_t run) {
  while (runs[run].parent != run) {
    auto& parent = runs[run].parent;
    parent = runs[parent].parent;
    run = parent;
  }
  return run;
}

/// Joins the regions of the runs from `row` on with those of the row before,
/// which begin at `above`, where they touch and have the same label.
void join_rows(
    std::vector<Run>& runs,
    size_t above,
    size_t row,
    int64_t width,
    const int64_t* label
) {
  size_t upper = above;
  for (size_t run = row; run < runs.size(); ++run) {
    // Pixels touch at corners too.
    const int64_t first = runs[run].first - width - 1;
    const int64_t end = runs[run].end - width + 1;
    while (upper < row && runs[upper].end <= first) ++upper;
    for (size_t other = upper; other < row && runs[other].first < end;
         ++other) {
      if (label[runs[other].first] != label[runs[run].first]) continue;
      const auto from = root_of(runs, run);
      const auto to = root_of(runs, other);
      runs[std::max(from, to)].parent = std::min(from, to);
    }
  }
}

/// Returns the runs of all rows, joined to regions. Void is a label too.
std::vector<Run> joined_runs(
    const int64_t* label, int64_t height, int64_t width
) {
  std::vector<Run> runs;
  size_t above = 0;
  for (int64_t y = 0; y < height; ++y) {
    const auto row = runs.size();
    const int64_t end = (y + 1) * width;
    for (int64_t first = y * width; first < end;) {
      int64_t next = first + 1;
      while (next < end && label[next] == label[first]) ++next;
      runs.push_back({first, next, runs.size()});
      first = next;
    }
    join_rows(runs, above, row, width, label);
    above = row;
  }
  return runs;
}

}  // namespace

torch::Tensor region_sizes(const torch::Tensor& labels) {
  const auto whole = labels.contiguous();
  const auto* label = whole.data_ptr<int64_t>();
  auto runs = joined_runs(label, whole.size(0), whole.size(1));
  std::vector<int64_t> pixels(runs.size());
  for (size_t i = 0; i < runs.size(); ++i) {
    pixels[root_of(runs, i)] += runs[i].end - runs[i].first;
  }
  auto sizes = torch::empty_like(whole);
  auto* size = sizes.data_ptr<int64_t>();
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto kind =
        label[runs[i].first] == kVoid
            ? kVoid
            : static_cast<int64_t>(size_of(pixels[root_of(runs, i)]));
    std::fill(size + runs[i].first, size + runs[i].end, kind);
  }
  return sizes;
}

}  // namespace deeplab::metrics
