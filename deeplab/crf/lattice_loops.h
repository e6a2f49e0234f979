// SPDX-License-Identifier: Apache-2.0
// The loops that a mean-field iteration spends its time in, compiled once for
// each vector width. Ranges may be worked on by different threads.
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
/// Adds each pixel's values, by weight, to its corners of the remainder classes
/// `classes`; different classes have different vertices.
void splat_corners(
    const Corners& corners, const Rows& values, Range classes, Rows& vertices
);

/// v <- v + (previous + next) / 2 along whole chains, in place.
void blur_chains(const uint32_t* chains, Range entries, Rows& vertices);

/// Adds the weighted sum of each pixel's corners to `sums`, row by row.
void slice_corners(
    const Corners& corners, const Rows& vertices, Range pixels, float* sums
);

/// A symmetric filter: 2 radius + 1 values.
struct Taps {
  const float* values;
  int64_t radius;
};
/// `result` becomes the sum of taps[t] * given[x + t - radius] * rows[x + t -
/// radius] over the pixels of one image row; those beyond its ends are 0.
void filter_row(
    Taps taps,
    const float* given,
    const float* rows,
    int64_t width,
    size_t blocks,
    float* result
);

/// sums[x] += factor[x] * sum of taps[t] * (row t of `rows`)[x].
void add_filtered_column(
    Taps taps,
    const float* const* rows,
    const float* factor,
    int64_t width,
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
/// sums += factor * sum over all pixels of that weight times their row.
void add_all_pairs(
    const Pairs& pairs, const Rows& rows, float factor, float* sums
);

/// rows <- softmax(sums - unary); sums are spoilt. Padding must have a unary of
/// kImpossible. Returns the sum of the absolute changes of all values.
constexpr float kImpossible = 1e30F;
double softmax_rows(
    const float* unary, float* sums, size_t blocks, size_t count, float* rows
);

}  // namespace deeplab::crf
