// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "deeplab/nn/loops.h"

namespace deeplab::nn {

// These are the inner loops of batch_norm_relu() and batch_norm() over rows of
// `channels` values. They are compiled for several vector widths, and the
// widest that the CPU supports is used. The arrays must not overlap. All
// arithmetic is in float32.

/// The map y = min(max(x * scale + shift, floor), ceiling); scale and shift are
/// float arrays of length [channels].
struct ClampedAffine {
  const float* scale;
  const float* shift;
  float floor;
  float ceiling;
};

/// Size of a block of pixels in channels_last layout: one row per pixel.
struct RowBlock {
  int64_t rows;
  int64_t channels;
};

/// Adds x - origin to `sum` and (x - origin)^2 to `square`, for each channel.
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

/// Arrays of length [channels]. add_gradient_sums() adds the part of dy that
/// passes back through the clamp to `sum`, and that part times (x - mean) to
/// `sum_x`.
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

/// The gradient dx = scale * passed + per_x * x + constant, for each channel,
/// where `passed` is the part of dy that passes back through the clamp.
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
