// SPDX-License-Identifier: Apache-2.0
// Loops over an image's lines, compiled once for each vector width.
#pragma once

#include "deeplab/crf/bands.h"
#include "deeplab/crf/rows.h"

namespace deeplab::crf {

/// Lines of an image or of its coarse places, one below the other.
struct Lines {
  const float* values;
  size_t width;
};
/// `result` becomes, at the columns `range`, what `columns` makes of the lines
/// for its outputs `ys`, one after the other.
void combine_lines(
    const Bands& columns,
    Range ys,
    const Lines& lines,
    Range range,
    size_t blocks,
    float* result
);
/// Adds the outputs `range` of `rows` to `sums`; `values` begin at the input
/// `begins_at`.
void apply_bands(
    const Bands& rows,
    Range range,
    const float* values,
    size_t begins_at,
    size_t blocks,
    float* sums
);

}  // namespace deeplab::crf
