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

/// The lanes in another order.
#if defined(__clang__)
#define DEEPLAB_CRF_SHUFFLE(v, ...) __builtin_shufflevector(v, v, __VA_ARGS__)
#else
#define DEEPLAB_CRF_SHUFFLE(v, ...) __builtin_shuffle(v, LaneInts{__VA_ARGS__})
#endif

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

/// e^x for x <= 0, to 2 units in the last place; 0 below -87.
/// Source: the polynomial of Cephes' expf (Moshier), on r = x - n ln 2.
DEEPLAB_CRF_INLINE Lanes exp_of_negative(Lanes x) {
  const LaneInts tiny = x < -87.0F;
  const Lanes clipped = tiny ? Lanes{} - 87.0F : x;
  const Lanes steps = clipped * 1.44269504F - 0.5F;
  const LaneInts n = __builtin_convertvector(steps, LaneInts);
  const Lanes whole = __builtin_convertvector(n, Lanes);
  const Lanes r = (clipped - whole * 0.693359375F) + whole * 2.12194440e-4F;
  Lanes p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const LaneInts bits = (n + 127) << 23;
  Lanes power;
  std::memcpy(&power, &bits, sizeof(power));
  const Lanes result = p * power;
  return tiny ? Lanes{} : result;
}

}  // namespace deeplab::crf
