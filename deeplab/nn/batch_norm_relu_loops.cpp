// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/batch_norm_relu_loops.h"

// One compiled copy of a loop for each vector width; the loader picks.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DEEPLAB_VECTOR_WIDTHS \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DEEPLAB_VECTOR_WIDTHS
#endif

namespace deeplab::nn {
namespace {

inline float passed_back(float value, float ceiling, float dy) {
  const float above = value > 0 ? dy : 0.0F;
  return value < ceiling ? above : 0.0F;
}

}  // namespace

DEEPLAB_VECTOR_WIDTHS
void add_moments(
    RowBlock block,
    const float* __restrict x,
    const float* __restrict origin,
    float* __restrict sum,
    float* __restrict square
) {
  for (int64_t row = 0; row < block.rows; ++row, x += block.channels) {
    for (int64_t c = 0; c < block.channels; ++c) {
      const float from_origin = x[c] - origin[c];
      sum[c] += from_origin;
      square[c] += from_origin * from_origin;
    }
  }
}

DEEPLAB_VECTOR_WIDTHS
void apply_affine_relu(
    RowBlock block,
    const AffineRelu& map,
    const float* __restrict x,
    float* __restrict y
) {
  const float* __restrict scale = map.scale;
  const float* __restrict shift = map.shift;
  const float ceiling = map.ceiling;
  const int64_t channels = block.channels;
  for (int64_t row = 0; row < block.rows; ++row, x += channels, y += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float value = x[c] * scale[c] + shift[c];
      // In this order a NaN stays one, as in torch.
      const float positive = value < 0 ? 0.0F : value;
      y[c] = ceiling < positive ? ceiling : positive;
    }
  }
}

DEEPLAB_VECTOR_WIDTHS
void add_gradient_sums(
    RowBlock block,
    const AffineRelu& map,
    const float* __restrict x,
    const float* __restrict dy,
    const GradientSums& sums
) {
  const float* __restrict scale = map.scale;
  const float* __restrict shift = map.shift;
  const float* __restrict mean = sums.mean;
  float* __restrict sum = sums.sum;
  float* __restrict sum_x = sums.sum_x;
  const float ceiling = map.ceiling;
  const int64_t channels = block.channels;
  for (int64_t row = 0; row < block.rows;
       ++row, x += channels, dy += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float passed =
          passed_back(x[c] * scale[c] + shift[c], ceiling, dy[c]);
      sum[c] += passed;
      sum_x[c] += passed * (x[c] - mean[c]);
    }
  }
}

DEEPLAB_VECTOR_WIDTHS
void apply_gradient(
    RowBlock block,
    const AffineRelu& map,
    const float* __restrict x,
    const float* __restrict dy,
    const GradientMap& gradient
) {
  const float* __restrict scale = map.scale;
  const float* __restrict shift = map.shift;
  const float* __restrict per_x = gradient.per_x;
  const float* __restrict constant = gradient.constant;
  float* __restrict dx = gradient.dx;
  const float ceiling = map.ceiling;
  const int64_t channels = block.channels;
  for (int64_t row = 0; row < block.rows;
       ++row, x += channels, dy += channels, dx += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float passed =
          passed_back(x[c] * scale[c] + shift[c], ceiling, dy[c]);
      dx[c] = scale[c] * passed + per_x[c] * x[c] + constant[c];
    }
  }
}

}  // namespace deeplab::nn
