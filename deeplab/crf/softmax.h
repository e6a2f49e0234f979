// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace deeplab::crf {

/// What the padding's unary must be.
constexpr float kImpossible = 1e30F;
/// Rows of pixels, one behind the other.
struct SoftmaxRows {
  const float* unary;
  /// May be spoilt.
  float* sums;
  const float* rows;
  float* fresh;
  size_t blocks;
  size_t count;
  /// Floats from here to what is needed soon, and fetched early; 0: none.
  size_t ahead = 0;
};
/// fresh <- softmax(sums - unary). Returns the sum of the absolute changes from
/// `rows`.
double softmax_rows(const SoftmaxRows& pixels);

}  // namespace deeplab::crf
