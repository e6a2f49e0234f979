// SPDX-License-Identifier: Apache-2.0
#include "deeplab/compile/resize_loops.h"

#include <algorithm>

#include "deeplab/compile/vectors.h"

namespace deeplab::compile {
namespace {

static_assert(kLeastBlended == kLanes);

template <class Value>
DEEPLAB_BODY Floats
blend(const Value* first, const Value* second, float weight) {
  const auto from = load(first);
  return from + (load(second) - from) * weight;
}

template <class Value>
DEEPLAB_BODY void pixels_body(
    const RowShape& shape, const BlendedRows<Value>& rows, Value* result
) {
  const int64_t last = shape.channels - kLanes;
  for (int64_t x = 0; x < shape.width; ++x) {
    const auto& column = shape.columns[x];
    const int64_t left = column.first * shape.channels;
    const int64_t right = column.second * shape.channels;
    // The last vector may overlap the one before it.
    for (int64_t c = 0; c < shape.channels; c += kLanes) {
      const int64_t at = std::min(c, last);
      const auto above =
          blend(rows.first + left + at, rows.first + right + at, column.weight);
      const auto below = blend(
          rows.second + left + at, rows.second + right + at, column.weight
      );
      store(
          above + (below - above) * rows.weight,
          result + x * shape.channels + at
      );
    }
  }
}

}  // namespace

DEEPLAB_VECTOR_WIDTHS
void blend_pixels(
    const RowShape& shape, const BlendedRows<float>& rows, float* result
) {
  pixels_body(shape, rows, result);
}

DEEPLAB_VECTOR_WIDTHS
void blend_pixels(
    const RowShape& shape,
    const BlendedRows<nn::Bfloat16>& rows,
    nn::Bfloat16* result
) {
  pixels_body(shape, rows, result);
}

DEEPLAB_VECTOR_WIDTHS
void blend_planes(
    const RowShape& shape,
    const BlendedRows<float>& rows,
    int64_t in_width,
    float* line,
    float* result,
    int64_t plane
) {
  for (int64_t c = 0; c < shape.channels; ++c) {
    for (int64_t x = 0; x < in_width; ++x) {
      const float above = rows.first[x * shape.channels + c];
      const float below = rows.second[x * shape.channels + c];
      line[x] = above + (below - above) * rows.weight;
    }
    float* to = result + c * plane;
    for (int64_t x = 0; x < shape.width; ++x) {
      const auto& column = shape.columns[x];
      const float left = line[column.first];
      to[x] = left + (line[column.second] - left) * column.weight;
    }
  }
}

}  // namespace deeplab::compile
