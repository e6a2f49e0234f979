// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "deeplab/nn/loops.h"

namespace deeplab::compile {

// These are the inner loops of bilinear resizing. They are compiled for several
// vector widths, and the widest that the CPU supports is used. All arithmetic
// is in float32.

/// Says how a pixel is read from two neighbours along one axis: it is
/// first + (second - first) * weight.
struct Blend {
  int32_t first;
  int32_t second;
  float weight;
};

/// Two rows of a channels_last map, of which a row of the result is blended.
template <class Value>
struct BlendedRows {
  const Value* first;
  const Value* second;
  float weight;
};

/// One row of the result.
struct RowShape {
  const Blend* columns;
  int64_t width;
  int64_t channels;
};

/// blend_pixels() needs at least as many channels.
constexpr int64_t kLeastBlended = 16;

/// Computes a row in channels_last format.
void blend_pixels(
    const RowShape& shape, const BlendedRows<float>& rows, float* result
);
void blend_pixels(
    const RowShape& shape,
    const BlendedRows<nn::Bfloat16>& rows,
    nn::Bfloat16* result
);

/// Computes a row of each channel; channel k's is at result + k * plane. The
/// source rows have `in_width` pixels, and `line` has room for as many values.
void blend_planes(
    const RowShape& shape,
    const BlendedRows<float>& rows,
    int64_t in_width,
    float* line,
    float* result,
    int64_t plane
);

}  // namespace deeplab::compile
