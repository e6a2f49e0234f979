// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deeplab::nn {

// The inner loops of batch_norm_relu() over rows of `channels` floats, compiled
// for several vector widths, the widest that the machine has being taken.
// Arrays do not overlap.

/// y = min(max(x * scale + shift, 0), ceiling), by channel.
struct AffineRelu {
  const float* scale;
  const float* shift;
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

void apply_affine_relu(
    RowBlock block, const AffineRelu& map, const float* x, float* y
);

/// Adds what of dy passes back through the ReLU, and that times x - mean.
struct GradientSums {
  const float* mean;
  float* sum;
  float* sum_x;
};
void add_gradient_sums(
    RowBlock block,
    const AffineRelu& map,
    const float* x,
    const float* dy,
    const GradientSums& sums
);

/// dx = scale * passed + per_x * x + constant, by channel.
struct GradientMap {
  const float* per_x;
  const float* constant;
  float* dx;
};
void apply_gradient(
    RowBlock block,
    const AffineRelu& map,
    const float* x,
    const float* dy,
    const GradientMap& gradient
);

}  // namespace deeplab::nn
