// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/softmax.h"

#include <algorithm>
#include <limits>

#include "deeplab/crf/kernels/lanes.h"

namespace deeplab::crf {
namespace {

/// Computes the softmax of `kCount` pixels from `at` on. It interleaves them,
/// because each has to wait for its maximum and its sum. A row has `blocks`
/// blocks; they stay in registers if their number is known at compile time as
/// `kBlocks` (0 if it is not).
template <size_t kBlocks, size_t kCount>
DEEPLAB_CRF_INLINE void softmax_of(
    const SoftmaxRows& pixels, size_t at, size_t blocks, Lanes& changed
) {
  const size_t all = kBlocks == 0 ? blocks : kBlocks;
  const size_t width = all * kLanes;
  Lanes kept[kCount][std::max<size_t>(kBlocks, 1)];
  const auto value = [&](size_t i, size_t b) -> Lanes& {
    if constexpr (kBlocks == 0) return lanes(pixels.sums + (at + i) * width, b);
    return kept[i][b];
  };
  float top[kCount];
  for (size_t i = 0; i < kCount; ++i) {
    const float* unary = pixels.unary + (at + i) * width;
    const float* sums = pixels.sums + (at + i) * width;
    Lanes most = Lanes{} + std::numeric_limits<float>::lowest();
    for (size_t b = 0; b < all; ++b) {
      value(i, b) = lanes(sums, b) - lanes(unary, b);
      most = larger(value(i, b), most);
    }
    top[i] = largest_of(most);
  }
  float share[kCount];
  for (size_t i = 0; i < kCount; ++i) {
    Lanes total = {};
    for (size_t b = 0; b < all; ++b) {
      value(i, b) = exp_of_negative(value(i, b) - top[i]);
      total += value(i, b);
    }
    share[i] = 1 / sum_of(total);
  }
  for (size_t i = 0; i < kCount; ++i) {
    const float* rows = pixels.rows + (at + i) * width;
    float* fresh = pixels.fresh + (at + i) * width;
    for (size_t b = 0; b < all; ++b) {
      const Lanes q = value(i, b) * share[i];
      const Lanes by = q - lanes(rows, b);
      changed += larger(by, -by);
      lanes(fresh, b) = q;
    }
  }
}

template <size_t kBlocks>
DEEPLAB_CRF_INLINE double softmax_all(const SoftmaxRows& pixels) {
  constexpr size_t kTogether = 2;
  Lanes changed = {};
  size_t at = 0;
  for (; at + kTogether <= pixels.count; at += kTogether) {
    if (pixels.ahead != 0) {
      const size_t width = pixels.blocks * kLanes;
      for (size_t ahead = 0; ahead < kTogether * width; ahead += 2 * kLanes) {
        const size_t later = pixels.ahead + at * width + ahead;
        __builtin_prefetch(pixels.unary + later);
        __builtin_prefetch(pixels.rows + later);
        __builtin_prefetch(pixels.fresh + later, 1);
      }
    }
    softmax_of<kBlocks, kTogether>(pixels, at, pixels.blocks, changed);
  }
  for (; at < pixels.count; ++at) {
    softmax_of<kBlocks, 1>(pixels, at, pixels.blocks, changed);
  }
  return static_cast<double>(sum_of(changed));
}

}  // namespace

DEEPLAB_CRF_WIDTHS
double softmax_rows(const SoftmaxRows& pixels) {
  switch (pixels.blocks) {
    case 1:
      return softmax_all<1>(pixels);
    case 2:
      return softmax_all<2>(pixels);
    case 3:
      return softmax_all<3>(pixels);
    case 4:
      return softmax_all<4>(pixels);
    default:
      return softmax_all<0>(pixels);
  }
}

}  // namespace deeplab::crf
