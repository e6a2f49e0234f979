// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deeplab::nn {

// The inner loops of batch_norm_relu() and batch_norm() over rows of `channels`
// values, compiled for several vector widths, the widest that the machine has
// being taken. Arrays do not overlap. All is computed in float32.

/// The upper half of a float, as at::BFloat16 is laid out.
struct Bfloat16 {
  uint16_t bits;
};

/// y = min(max(x * scale + shift, floor), ceiling), by channel.
struct ClampedAffine {
  const float* scale;
  const float* shift;
  float floor;
  float ceiling;
};

/// A block of rows.
struct RowBlock {
  int64_t rows;
  int64_t channels;
};

/// Adds x - origin, and its square, of each channel.
void add_moments(
    RowBlock block,
    const float* x,
    const float* origin,
    float* sum,
    float* square
);
void add_moments(
    RowBlock block,
    const Bfloat16* x,
    const float* origin,
    float* sum,
    float* square
);

void apply_clamped_affine(
    RowBlock block, const ClampedAffine& map, const float* x, float* y
);
void apply_clamped_affine(
    RowBlock block, const ClampedAffine& map, const Bfloat16* x, Bfloat16* y
);

/// Adds what of dy passes back through the clamp, and that times x - mean.
struct GradientSums {
  const float* mean;
  float* sum;
  float* sum_x;
};
void add_gradient_sums(
    RowBlock block,
    const ClampedAffine& map,
    const float* x,
    const float* dy,
    const GradientSums& sums
);
void add_gradient_sums(
    RowBlock block,
    const ClampedAffine& map,
    const Bfloat16* x,
    const Bfloat16* dy,
    const GradientSums& sums
);

/// dx = scale * passed + per_x * x + constant, by channel.
struct GradientMap {
  const float* per_x;
  const float* constant;
};
void apply_gradient(
    RowBlock block,
    const ClampedAffine& map,
    const GradientMap& gradient,
    const float* x,
    const float* dy,
    float* dx
);
void apply_gradient(
    RowBlock block,
    const ClampedAffine& map,
    const GradientMap& gradient,
    const Bfloat16* x,
    const Bfloat16* dy,
    Bfloat16* dx
);

}  // namespace deeplab::nn
