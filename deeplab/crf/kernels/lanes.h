// SPDX-License-Identifier: Apache-2.0
// The only file of the CRF that contains vector instructions: it works on
// kLanes floats at a time with the vector extension of GCC and Clang, which
// they compile for any processor in the width that it has.
#pragma once

#include <cstdint>
#include <cstring>

#include "deeplab/crf/kernels/rows.h"

// Compiles a function once for each vector width; the loader picks one. The
// loader runs before ThreadSanitizer is ready, which must not meet its choice.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_THREAD__)
#define DEEPLAB_CRF_WIDTHS \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DEEPLAB_CRF_WIDTHS
#endif
// Functions with vector arguments are always inlined, so their ABI does not
// matter; GCC would warn about it all the same (-Wno-psabi).
#define DEEPLAB_CRF_INLINE inline __attribute__((always_inline))

namespace deeplab::crf {

using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using LaneInts = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t))));

/// Returns a block of a row, which is aligned to kLanes floats.
DEEPLAB_CRF_INLINE const Lanes& lanes(const float* row, size_t block) {
  return reinterpret_cast<const Lanes*>(row)[block];
}
DEEPLAB_CRF_INLINE Lanes& lanes(float* row, size_t block) {
  return reinterpret_cast<Lanes*>(row)[block];
}

/// MERGE returns the lanes with the given numbers, of `v` (0 to 7) and `w` (8
/// to 15). SHUFFLE reorders the lanes of one vector.
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

/// Returns e^x for x <= 0, with a relative error below 1e-6 (2e-6 below -20),
/// and 0 below -87. It is 2^n times a polynomial for 2^f, where n + f = x / ln
/// 2 and |f| <= 1/2; the polynomial is a least-squares fit of the relative
/// error.
DEEPLAB_CRF_INLINE Lanes exp_of_negative(Lanes x) {
  constexpr float kPerPower = 1.44269504F;
  // Adding this constant rounds to a whole number and leaves it in the lowest
  // bits.
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
