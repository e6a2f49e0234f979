// SPDX-License-Identifier: Apache-2.0
// The loops that a mean-field iteration spends its time in, compiled once for
// each vector width. Ranges may be worked on by different threads.
#pragma once

#include <cstdint>

#include "deeplab/crf/bands.h"
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
/// begin at pixel 0, to `sums`, row by row.
void slice_corners(
    const Corners& corners,
    const float* factors,
    const Rows& vertices,
    Range pixels,
    float* sums
);

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

/// One pixel and all; `coordinates` has one row a dimension, one column
/// a pixel, the padding far away.
struct Pairs {
  const Rows& coordinates;
  size_t pixel;
};
/// exp(-|f_i - f_j|^2 / 2) of all pixels j, i too; `weights` has room for the
/// padding.
void compute_pairs(const Pairs& pairs, float* weights);
/// sums += factor * sum over the pixels `others`, which begin at a multiple of
/// kLanes, of that weight times their row. The padding's rows must be there.
void add_pairs(
    const Pairs& pairs,
    const Rows& rows,
    Range others,
    float factor,
    float* sums
);

/// What the padding's unary must be.
constexpr float kImpossible = 1e30F;
/// Rows of pixels, one behind the other.
struct SoftmaxRows {
  const float* unary;
  /// May be spoilt.
  float* sums;
  const float* rows;
  float* fresh;
  size_t blocks;
  size_t count;
  /// Floats from here to what is needed soon, and fetched early; 0: none.
  size_t ahead = 0;
};
/// fresh <- softmax(sums - unary). Returns the sum of the absolute changes from
/// `rows`.
double softmax_rows(const SoftmaxRows& pixels);

}  // namespace deeplab::crf
