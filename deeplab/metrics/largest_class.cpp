// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/largest_class.h"

#include <algorithm>
#include <array>

#include <ATen/Parallel.h>

namespace deeplab::metrics {
namespace {

/// Number of pixels whose largest scores stay in the cache.
constexpr int64_t kBlock = 1024;

/// Finds the classes of `count` <= kBlock pixels; the scores of a class are
/// `plane` floats after those of the class before.
void find_largest(
    const float* scores,
    int64_t classes,
    int64_t plane,
    int64_t count,
    int64_t* labels
) {
  std::array<float, kBlock> best;
  std::array<int32_t, kBlock> label{};
  std::copy_n(scores, count, best.begin());
  for (int64_t k = 1; k < classes; ++k) {
    const float* row = scores + k * plane;
    const auto name = static_cast<int32_t>(k);
    for (int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>(i);
      const bool is_larger = row[i] > best[at];
      best[at] = is_larger ? row[i] : best[at];
      label[at] = is_larger ? name : label[at];
    }
  }
  std::copy_n(label.begin(), count, labels);
}

}  // namespace

torch::Tensor largest_class(const torch::Tensor& scores) {
  if (!scores.is_cpu() || scores.scalar_type() != torch::kFloat32) {
    return scores.argmax(0).cpu();
  }
  const auto whole = scores.contiguous();
  const int64_t plane = whole.size(1) * whole.size(2);
  auto labels =
      torch::empty({whole.size(1), whole.size(2)}, torch::dtype(torch::kInt64));
  const auto* from = whole.data_ptr<float>();
  auto* to = labels.data_ptr<int64_t>();
  const int64_t blocks = (plane + kBlock - 1) / kBlock;
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t pixel = block * kBlock;
      find_largest(
          from + pixel, whole.size(0), plane, std::min(kBlock, plane - pixel),
          to + pixel
      );
    }
  });
  return labels;
}

}  // namespace deeplab::metrics
