// SPDX-License-Identifier: Apache-2.0
// Loops over the lines of an image, compiled once for each vector width.
#pragma once

#include "deeplab/crf/kernels/bands.h"
#include "deeplab/crf/kernels/rows.h"

namespace deeplab::crf {

/// Lines of an image, or of its coarse grid, one below the other.
struct Lines {
  const float* values;
  size_t width;
};
/// Applies the bands `columns` along columns: computes their outputs `ys` from
/// `lines`, for the image columns `range` only. `result` gets the output lines
/// one after the other. A row of values has `blocks` blocks of kLanes floats.
void combine_lines(
    const Bands& columns,
    Range ys,
    const Lines& lines,
    Range range,
    size_t blocks,
    float* result
);
/// Adds the outputs `range` of the bands `rows` to `sums`. `values` starts at
/// the input `begins_at`.
void apply_bands(
    const Bands& rows,
    Range range,
    const float* values,
    size_t begins_at,
    size_t blocks,
    float* sums
);

}  // namespace deeplab::crf
