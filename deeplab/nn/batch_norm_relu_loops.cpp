// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/batch_norm_relu_loops.h"

#include <cstring>

namespace deeplab::nn {
namespace {

DEEPLAB_BODY float widen(float value) { return value; }
DEEPLAB_BODY float widen(Bfloat16 value) {
  const uint32_t bits = uint32_t{value.bits} << 16;
  float wide;
  std::memcpy(&wide, &bits, sizeof wide);
  return wide;
}

DEEPLAB_BODY void narrow(float value, float& result) { result = value; }
/// Rounds to the nearest value, ties to even; a NaN stays a NaN.
DEEPLAB_BODY void narrow(float value, Bfloat16& result) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  const uint32_t quiet = 0x7FC0;
  result.bits = static_cast<uint16_t>(value == value ? rounded : quiet);
}

DEEPLAB_BODY float passed_back(
    float value, const ClampedAffine& map, float dy
) {
  const float above = value > map.floor ? dy : 0.0F;
  return value < map.ceiling ? above : 0.0F;
}

template <class Value>
DEEPLAB_BODY void moments_body(
    RowBlock block,
    const Value* __restrict x,
    const float* __restrict origin,
    float* __restrict sum,
    float* __restrict square
) {
  for (int64_t row = 0; row < block.rows; ++row, x += block.channels) {
    for (int64_t c = 0; c < block.channels; ++c) {
      const float from_origin = widen(x[c]) - origin[c];
      sum[c] += from_origin;
      square[c] += from_origin * from_origin;
    }
  }
}

template <class Value>
DEEPLAB_BODY void clamped_affine_body(
    RowBlock block,
    const ClampedAffine& map,
    const Value* __restrict x,
    Value* __restrict y
) {
  const float* __restrict scale = map.scale;
  const float* __restrict shift = map.shift;
  const float floor = map.floor;
  const float ceiling = map.ceiling;
  const int64_t channels = block.channels;
  for (int64_t row = 0; row < block.rows; ++row, x += channels, y += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float value = widen(x[c]) * scale[c] + shift[c];
      // With the comparisons in this order, a NaN stays a NaN, as in torch.
      const float above = value < floor ? floor : value;
      narrow(ceiling < above ? ceiling : above, y[c]);
    }
  }
}

template <class Value>
DEEPLAB_BODY void gradient_sums_body(
    RowBlock block,
    const ClampedAffine& map,
    const Value* __restrict x,
    const Value* __restrict dy,
    const GradientSums& sums
) {
  const float* __restrict scale = map.scale;
  const float* __restrict shift = map.shift;
  const float* __restrict mean = sums.mean;
  float* __restrict sum = sums.sum;
  float* __restrict sum_x = sums.sum_x;
  const ClampedAffine bounds = map;
  const int64_t channels = block.channels;
  for (int64_t row = 0; row < block.rows;
       ++row, x += channels, dy += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float value = widen(x[c]);
      const float passed =
          passed_back(value * scale[c] + shift[c], bounds, widen(dy[c]));
      sum[c] += passed;
      sum_x[c] += passed * (value - mean[c]);
    }
  }
}

template <class Value>
DEEPLAB_BODY void gradient_body(
    RowBlock block,
    const ClampedAffine& map,
    const GradientMap& gradient,
    const Value* __restrict x,
    const Value* __restrict dy,
    Value* __restrict dx
) {
  const float* __restrict scale = map.scale;
  const float* __restrict shift = map.shift;
  const float* __restrict per_x = gradient.per_x;
  const float* __restrict constant = gradient.constant;
  const ClampedAffine bounds = map;
  const int64_t channels = block.channels;
  for (int64_t row = 0; row < block.rows;
       ++row, x += channels, dy += channels, dx += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float value = widen(x[c]);
      const float passed =
          passed_back(value * scale[c] + shift[c], bounds, widen(dy[c]));
      narrow(scale[c] * passed + per_x[c] * value + constant[c], dx[c]);
    }
  }
}

}  // namespace

DEEPLAB_VECTOR_WIDTHS
void add_moments(
    RowBlock block,
    const float* x,
    const float* origin,
    float* sum,
    float* square
) {
  moments_body(block, x, origin, sum, square);
}

DEEPLAB_VECTOR_WIDTHS
void apply_clamped_affine(
    RowBlock block, const ClampedAffine& map, const float* x, float* y
) {
  clamped_affine_body(block, map, x, y);
}

DEEPLAB_VECTOR_WIDTHS
void add_gradient_sums(
    RowBlock block,
    const ClampedAffine& map,
    const float* x,
    const float* dy,
    const GradientSums& sums
) {
  gradient_sums_body(block, map, x, dy, sums);
}

DEEPLAB_VECTOR_WIDTHS
void apply_gradient(
    RowBlock block,
    const ClampedAffine& map,
    const GradientMap& gradient,
    const float* x,
    const float* dy,
    float* dx
) {
  gradient_body(block, map, gradient, x, dy, dx);
}

DEEPLAB_VECTOR_WIDTHS
void add_moments(
    RowBlock block,
    const Bfloat16* x,
    const float* origin,
    float* sum,
    float* square
) {
  moments_body(block, x, origin, sum, square);
}

DEEPLAB_VECTOR_WIDTHS
void apply_clamped_affine(
    RowBlock block, const ClampedAffine& map, const Bfloat16* x, Bfloat16* y
) {
  clamped_affine_body(block, map, x, y);
}

DEEPLAB_VECTOR_WIDTHS
void add_gradient_sums(
    RowBlock block,
    const ClampedAffine& map,
    const Bfloat16* x,
    const Bfloat16* dy,
    const GradientSums& sums
) {
  gradient_sums_body(block, map, x, dy, sums);
}

DEEPLAB_VECTOR_WIDTHS
void apply_gradient(
    RowBlock block,
    const ClampedAffine& map,
    const GradientMap& gradient,
    const Bfloat16* x,
    const Bfloat16* dy,
    Bfloat16* dx
) {
  gradient_body(block, map, gradient, x, dy, dx);
}

}  // namespace deeplab::nn
