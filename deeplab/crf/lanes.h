// SPDX-License-Identifier: Apache-2.0
// The only place of the CRF that knows of vector instructions: kLanes floats at
// a time, by the vector extension of GCC and Clang, which any processor gets in
// the width that it has.
#pragma once

#include <cstdint>
#include <cstring>

#include "deeplab/crf/rows.h"

// One compiled copy of a loop for each width; the loader picks.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DEEPLAB_CRF_WIDTHS \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DEEPLAB_CRF_WIDTHS
#endif
// Functions of vectors are always inlined: they have no ABI that could differ,
// which GCC notes all the same (-Wno-psabi).
#define DEEPLAB_CRF_INLINE inline __attribute__((always_inline))

namespace deeplab::crf {

using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using LaneInts = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t))));

/// Rows are aligned to their lanes.
DEEPLAB_CRF_INLINE const Lanes& lanes(const float* row, size_t block) {
  return reinterpret_cast<const Lanes*>(row)[block];
}
DEEPLAB_CRF_INLINE Lanes& lanes(float* row, size_t block) {
  return reinterpret_cast<Lanes*>(row)[block];
}

/// Lanes of two, by number, and those of one in another order.
#if defined(__clang__)
#define DEEPLAB_CRF_MERGE(v, w, ...) __builtin_shufflevector(v, w, __VA_ARGS__)
#else
#define DEEPLAB_CRF_MERGE(v, w, ...) \
  __builtin_shuffle(v, w, LaneInts{__VA_ARGS__})
#endif
#define DEEPLAB_CRF_SHUFFLE(v, ...) DEEPLAB_CRF_MERGE(v, v, __VA_ARGS__)

DEEPLAB_CRF_INLINE Lanes larger(Lanes one, Lanes other) {
  return one > other ? one : other;
}
DEEPLAB_CRF_INLINE float largest_of(Lanes v) {
  v = larger(v, DEEPLAB_CRF_SHUFFLE(v, 4, 5, 6, 7, 0, 1, 2, 3));
  v = larger(v, DEEPLAB_CRF_SHUFFLE(v, 2, 3, 0, 1, 6, 7, 4, 5));
  v = larger(v, DEEPLAB_CRF_SHUFFLE(v, 1, 0, 3, 2, 5, 4, 7, 6));
  return v[0];
}
DEEPLAB_CRF_INLINE float sum_of(Lanes v) {
  v += DEEPLAB_CRF_SHUFFLE(v, 4, 5, 6, 7, 0, 1, 2, 3);
  v += DEEPLAB_CRF_SHUFFLE(v, 2, 3, 0, 1, 6, 7, 4, 5);
  v += DEEPLAB_CRF_SHUFFLE(v, 1, 0, 3, 2, 5, 4, 7, 6);
  return v[0];
}

/// e^x for x <= 0, its relative error below 1e-6 (2e-6 below -20); 0 below
/// -87. 2^n times a polynomial for 2^f, n + f = x / ln 2, |f| <= 1/2, by least
/// squares of the relative error.
DEEPLAB_CRF_INLINE Lanes exp_of_negative(Lanes x) {
  constexpr float kPerPower = 1.44269504F;
  // Adding it rounds to a whole number, which stands in the lowest bits.
  constexpr float kRound = 12582912.0F;
  const LaneInts tiny = x < -87.0F;
  const Lanes clipped = larger(x, Lanes{} - 87.0F);
  const Lanes rounded = clipped * kPerPower + kRound;
  const Lanes f = clipped * kPerPower - (rounded - kRound);
  Lanes p = f * 1.32765e-3F + 9.67554e-3F;
  p = p * f + 5.550713e-2F;
  p = p * f + 2.402212e-1F;
  p = p * f + 6.9314697e-1F;
  p = p * f + 1.00000007F;
  LaneInts power;
  LaneInts bits;
  std::memcpy(&power, &rounded, sizeof(power));
  std::memcpy(&bits, &p, sizeof(bits));
  bits = (bits + (power << 23)) & ~tiny;
  std::memcpy(&p, &bits, sizeof(p));
  return p;
}

}  // namespace deeplab::crf
