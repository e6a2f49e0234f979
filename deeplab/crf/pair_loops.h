// SPDX-License-Identifier: Apache-2.0
// Loops over all pixels of one, compiled once for each vector width.
#pragma once

#include "deeplab/crf/rows.h"

namespace deeplab::crf {

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

}  // namespace deeplab::crf
