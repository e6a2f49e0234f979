// SPDX-License-Identifier: Apache-2.0
// Transposes between the caller's planes [labels, pixels] and rows [pixels,
// labels]; compiled once for each vector width.
#pragma once

#include <vector>

#include "deeplab/crf/kernels/rows.h"

namespace deeplab::crf {

/// Column c of the rows is the plane `labels[c]`; each plane has `pixels`
/// values.
struct Columns {
  const std::vector<size_t>& labels;
  size_t pixels;
};

/// Fills the rows of `range` from the planes, and their padding with `padding`.
/// Returns true if all values are within +-`limit`, false for NaN.
bool read_planes(
    const float* planes,
    const Columns& columns,
    Range range,
    float padding,
    float limit,
    Rows& rows
);

/// Writes the columns of the rows in `range` to their planes.
void write_planes(
    const Rows& rows, const Columns& columns, Range range, float* planes
);

}  // namespace deeplab::crf
