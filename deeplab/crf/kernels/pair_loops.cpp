// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/pair_loops.h"

#include <cstring>

#include "deeplab/crf/kernels/block_loops.h"

namespace deeplab::crf {
namespace {

/// Returns the weights of kLanes pixels from `from` on.
DEEPLAB_CRF_INLINE Lanes pair_weights(const Pairs& pairs, size_t from) {
  Lanes square = {};
  for (size_t d = 0; d < pairs.coordinates.count(); ++d) {
    const float* all = pairs.coordinates[d];
    const Lanes apart = lanes(all + from, 0) - all[pairs.pixel];
    square += apart * apart;
  }
  return exp_of_negative(square * -0.5F);
}

struct AddPairs {
  const Pairs& pairs;
  const Rows& rows;
  Range others;
  float factor;
  float* sums;

  template <size_t kBlocks, class Width>
  DEEPLAB_CRF_INLINE void run(size_t first, Width width) const {
    const float* all = rows[0] + first * kLanes;
    Lanes sum[kBlocks] = {};
    for (size_t from = others.begin; from < others.end; from += kLanes) {
      const Lanes weights = pair_weights(pairs, from);
      if (largest_of(weights) == 0) continue;
      for (size_t i = 0; i < kLanes; ++i) {
        const float weight = weights[i];
        const float* row = all + (from + i) * width;
        for (size_t b = 0; b < kBlocks; ++b) sum[b] += lanes(row, b) * weight;
      }
    }
    for (size_t b = 0; b < kBlocks; ++b) {
      lanes(sums, first + b) += sum[b] * factor;
    }
  }
};

}  // namespace

Rows coordinates_of(const Features& features) {
  constexpr float kFarAway = 1e18F;
  Rows coordinates(features.dimensions, features.count);
  for (size_t d = 0; d < features.dimensions; ++d) {
    float* row = coordinates[d];
    for (size_t i = 0; i < features.count; ++i) {
      row[i] = features.values[i * features.dimensions + d];
    }
    std::fill(row + features.count, row + coordinates.width(), kFarAway);
  }
  return coordinates;
}

DEEPLAB_CRF_WIDTHS
void compute_pairs(const Pairs& pairs, float* weights) {
  for (size_t from = 0; from < pairs.coordinates.width(); from += kLanes) {
    const Lanes eight = pair_weights(pairs, from);
    std::memcpy(weights + from, &eight, sizeof(eight));
  }
}

DEEPLAB_CRF_WIDTHS
void add_pairs(
    const Pairs& pairs,
    const Rows& rows,
    Range others,
    float factor,
    float* sums
) {
  for_blocks(rows.blocks(), AddPairs{pairs, rows, others, factor, sums});
}

}  // namespace deeplab::crf
