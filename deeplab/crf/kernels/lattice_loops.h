// SPDX-License-Identifier: Apache-2.0
// Loops over the lattice, compiled once for each vector width. Different
// threads may work on different ranges.
#pragma once

#include <cstdint>

#include "deeplab/crf/kernels/rows.h"

namespace deeplab::crf {

/// The vertices that each pixel touches, and their weights; both are [pixels,
/// per_pixel].
struct Corners {
  const uint32_t* vertices;
  const float* weights;
  size_t per_pixel;
};
/// Adds the values of each of the `pixels`, times its factor and the corner's
/// weight, to its corners in the remainder classes `classes`. Different classes
/// have different vertices, and so have the two halves of the lattice.
void splat_corners(
    const Corners& corners,
    const float* factors,
    const Rows& values,
    Range pixels,
    Range classes,
    Rows& vertices
);

/// Marks the last vertex of a chain of neighbours.
constexpr uint32_t kChainEnd = uint32_t{1} << 31U;

/// Replaces each vertex v by v + (previous + next) / 2 along whole chains, in
/// place.
void blur_chains(const uint32_t* chains, Range entries, Rows& vertices);

/// Adds the weighted sum of each pixel's corners, times its factor, to `sums`,
/// row by row. `factors` starts at pixel 0. The corners of the pixel `ahead`
/// places further on are prefetched.
void slice_corners(
    const Corners& corners,
    const float* factors,
    const Rows& vertices,
    Range pixels,
    size_t ahead,
    float* sums
);

}  // namespace deeplab::crf
