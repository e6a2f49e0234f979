// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/softmax.h"

#include <algorithm>
#include <limits>

#include "deeplab/crf/lanes.h"

namespace deeplab::crf {
namespace {

/// `kBlocks` is the number of blocks if that is known when compiled, so that
/// they stay in registers, or 0.
template <size_t kBlocks>
DEEPLAB_CRF_INLINE double softmax_of(const SoftmaxRows& pixels) {
  const size_t all = kBlocks == 0 ? pixels.blocks : kBlocks;
  Lanes kept[std::max<size_t>(kBlocks, 1)];
  Lanes changed = {};
  for (size_t i = 0; i < pixels.count; ++i) {
    const size_t at = i * all * kLanes;
    const float* unary = pixels.unary + at;
    float* sums = pixels.sums + at;
    const float* rows = pixels.rows + at;
    float* fresh = pixels.fresh + at;
    const auto value = [&](size_t b) -> Lanes& {
      if constexpr (kBlocks == 0) return lanes(sums, b);
      return kept[b];
    };
    if (pixels.ahead != 0) {
      for (size_t b = 0; b < all; b += 2) {
        const size_t later = pixels.ahead + b * kLanes;
        __builtin_prefetch(unary + later);
        __builtin_prefetch(rows + later);
        __builtin_prefetch(fresh + later, 1);
      }
    }
    Lanes most = Lanes{} + std::numeric_limits<float>::lowest();
    for (size_t b = 0; b < all; ++b) {
      value(b) = lanes(sums, b) - lanes(unary, b);
      most = larger(value(b), most);
    }
    const float top = largest_of(most);
    Lanes total = {};
    for (size_t b = 0; b < all; ++b) {
      value(b) = exp_of_negative(value(b) - top);
      total += value(b);
    }
    const float share = 1 / sum_of(total);
    for (size_t b = 0; b < all; ++b) {
      const Lanes q = value(b) * share;
      const Lanes by = q - lanes(rows, b);
      changed += larger(by, -by);
      lanes(fresh, b) = q;
    }
  }
  return static_cast<double>(sum_of(changed));
}

}  // namespace

DEEPLAB_CRF_WIDTHS
double softmax_rows(const SoftmaxRows& pixels) {
  switch (pixels.blocks) {
    case 1:
      return softmax_of<1>(pixels);
    case 2:
      return softmax_of<2>(pixels);
    case 3:
      return softmax_of<3>(pixels);
    case 4:
      return softmax_of<4>(pixels);
    default:
      return softmax_of<0>(pixels);
  }
}

}  // namespace deeplab::crf
