// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace deeplab::crf {

/// The energy that the padding of `unary` must have.
constexpr float kImpossible = 1e30F;
/// Rows of `count` pixels, one after another, with `blocks` blocks each.
struct SoftmaxRows {
  const float* unary;
  /// The messages; the call may overwrite them.
  float* sums;
  const float* rows;
  float* fresh;
  size_t blocks;
  size_t count;
  /// Distance in floats to the data that are needed soon and are prefetched; 0
  /// prefetches nothing.
  size_t ahead = 0;
};
/// Computes fresh <- softmax(sums - unary). Returns the sum of the absolute
/// changes from `rows`, which may be the same memory as `fresh`.
double softmax_rows(const SoftmaxRows& pixels);

}  // namespace deeplab::crf
