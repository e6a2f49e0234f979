// SPDX-License-Identifier: Apache-2.0
// Loops over the lattice, compiled once for each vector width. Ranges may be
// worked on by different threads.
#pragma once

#include <cstdint>

#include "deeplab/crf/rows.h"

namespace deeplab::crf {

/// The vertices that each pixel takes part in, and how much; both are [pixels,
/// per_pixel].
struct Corners {
  const uint32_t* vertices;
  const float* weights;
  size_t per_pixel;
};
/// Adds each of the `pixels`' values times its `factors`, by weight, to its
/// corners of the remainder classes `classes`. Different classes have different
/// vertices, and so have the lattice's halves.
void splat_corners(
    const Corners& corners,
    const float* factors,
    const Rows& values,
    Range pixels,
    Range classes,
    Rows& vertices
);

/// v <- v + (previous + next) / 2 along whole chains, in place.
void blur_chains(const uint32_t* chains, Range entries, Rows& vertices);

/// Adds the weighted sum of each pixel's corners times its `factors`, which
/// begin at pixel 0, to `sums`, row by row. `ahead` pixels on lie those that
/// are needed soon, and whose corners are fetched early.
void slice_corners(
    const Corners& corners,
    const float* factors,
    const Rows& vertices,
    Range pixels,
    size_t ahead,
    float* sums
);

}  // namespace deeplab::crf
