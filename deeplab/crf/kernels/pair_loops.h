// SPDX-License-Identifier: Apache-2.0
// Loops over all pairs that contain one pixel, compiled once for each vector
// width.
#pragma once

#include "deeplab/crf/kernels/features.h"
#include "deeplab/crf/kernels/rows.h"

namespace deeplab::crf {

/// Returns one row per dimension and one column per pixel; the padding lies far
/// away from all pixels.
Rows coordinates_of(const Features& features);

/// One pixel and all others. `coordinates` are those of coordinates_of().
struct Pairs {
  const Rows& coordinates;
  size_t pixel;
};
/// Computes exp(-|f_i - f_j|^2 / 2) for i = `pixel` and all pixels j, including
/// i. `weights` has room for the padding.
void compute_pairs(const Pairs& pairs, float* weights);
/// sums += factor * sum over the pixels `others` of the same weight times their
/// row. `others` starts at a multiple of kLanes, and the rows of the padding
/// must exist.
void add_pairs(
    const Pairs& pairs,
    const Rows& rows,
    Range others,
    float factor,
    float* sums
);

}  // namespace deeplab::crf
