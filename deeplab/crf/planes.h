// SPDX-License-Identifier: Apache-2.0
// Between the caller's planes, a label after the other, and rows, a pixel after
// the other; compiled once for each vector width.
#pragma once

#include <vector>

#include "deeplab/crf/rows.h"

namespace deeplab::crf {

/// Column c of the rows is the plane `labels[c]` of so many pixels.
struct Columns {
  const std::vector<size_t>& labels;
  size_t pixels;
};

/// Fills the rows of `range`, their padding with `padding`. Returns whether all
/// values are within +-`limit`, which no NaN is.
bool read_planes(
    const float* planes,
    const Columns& columns,
    Range range,
    float padding,
    float limit,
    Rows& rows
);

/// The planes of the columns, at the pixels of `range`.
void write_planes(
    const Rows& rows, const Columns& columns, Range range, float* planes
);

}  // namespace deeplab::crf
