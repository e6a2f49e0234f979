// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/simplex.h"

#include <algorithm>
#include <cmath>

#include "deeplab/crf/kernels/lanes.h"

namespace deeplab::crf {
namespace {

using Doubles = double __attribute__((vector_size(kPoints * sizeof(double))));
using Longs = int64_t __attribute__((vector_size(kPoints * sizeof(int64_t))));

/// [coordinate]: a value for each of kPoints points.
using Vectors = Doubles[kMostDimensions + 1];

/// 1.5 * 2^52. For |value| < 2^51, adding it rounds to a whole number and
/// leaves that in the lowest bits.
constexpr double kRound = 6755399441055744.0;
DEEPLAB_CRF_INLINE Doubles round_to_nearest(Doubles value) {
  return (value + kRound) - kRound;
}
DEEPLAB_CRF_INLINE Longs whole_numbers(Doubles value) {
  const Doubles shifted = value + kRound;
  const Doubles zero = Doubles{} + kRound;
  Longs bits;
  Longs bits_of_zero;
  std::memcpy(&bits, &shifted, sizeof(bits));
  std::memcpy(&bits_of_zero, &zero, sizeof(bits));
  return bits - bits_of_zero;
}

/// Returns `value` where `mask` is set, else 0.
DEEPLAB_CRF_INLINE Doubles where(Longs mask, Doubles value) {
  return mask ? value : Doubles{};
}

DEEPLAB_CRF_INLINE void elevate_points(
    const Features& features, size_t first, size_t axes, Vectors& elevated
) {
  const size_t d = axes - 1;
  const double spread = static_cast<double>(axes) * std::sqrt(2.0 / 3.0);
  const float* rows[kPoints];
  for (size_t p = 0; p < kPoints; ++p) {
    rows[p] = &features.values[std::min(first + p, features.count - 1) * d];
  }
  Doubles sum = {};
  for (size_t j = d; j > 0; --j) {
    Doubles scaled;
    for (size_t p = 0; p < kPoints; ++p) {
      scaled[p] = static_cast<double>(rows[p][j - 1]);
    }
    const auto n = static_cast<double>(j);
    scaled *= spread / std::sqrt(n * (n + 1));
    elevated[j] = sum - n * scaled;
    sum += scaled;
  }
  elevated[0] = sum;
}

/// `kAxes` is the number of axes if it is known at compile time, else 0.
template <size_t kAxes>
DEEPLAB_CRF_INLINE void find(
    const Features& features, size_t first, Simplices& simplices
) {
  const size_t axes = kAxes > 0 ? kAxes : features.dimensions + 1;
  const auto whole = static_cast<double>(axes);
  const double d = whole - 1;
  Vectors rest;
  elevate_points(features, first, axes, rest);
  Vectors base;
  Vectors rank;
  Doubles off_plane = {};
  for (size_t i = 0; i < axes; ++i) {
    const Doubles nearest = round_to_nearest(rest[i] / whole);
    off_plane += nearest;
    base[i] = nearest * whole;
    rest[i] -= base[i];
    rank[i] = Doubles{};
  }
  for (size_t i = 0; i < axes; ++i) {
    for (size_t j = i + 1; j < axes; ++j) {
      const Doubles less = where(rest[i] < rest[j], Doubles{} + 1.0);
      rank[i] += less;
      rank[j] += 1.0 - less;
    }
  }
  for (size_t i = 0; i < axes; ++i) {
    rank[i] += off_plane;
    const Doubles wrap = where(rank[i] < 0.0, Doubles{} + whole) -
                         where(rank[i] > d, Doubles{} + whole);
    rank[i] += wrap;
    base[i] += wrap;
    rest[i] = (rest[i] - wrap) / whole;
    const Longs bits = whole_numbers(base[i]);
    const Longs place = whole_numbers(d - rank[i]);
    std::memcpy(&simplices.base[i], &bits, sizeof(bits));
    for (size_t p = 0; p < kPoints; ++p) {
      simplices.falls[static_cast<size_t>(place[p])][p] =
          static_cast<uint8_t>(i);
    }
  }
  for (size_t k = 0; k < axes; ++k) {
    const auto at = d - static_cast<double>(k);
    // The weight beyond the last corner belongs to the first corner.
    const double before = k == 0 ? 0 : at + 1;
    Doubles weight = Doubles{} + (k == 0 ? 1.0 : 0.0);
    for (size_t i = 0; i < axes; ++i) {
      weight +=
          where(rank[i] == at, rest[i]) - where(rank[i] == before, rest[i]);
    }
    for (size_t p = 0; p < kPoints; ++p) {
      // Rounding may leave a value slightly below 0.
      simplices.weights[k][p] = std::max(0.0F, static_cast<float>(weight[p]));
    }
  }
}

}  // namespace

DEEPLAB_CRF_WIDTHS
void elevate(
    const Features& features, size_t first, OfPoints<double>& elevated
) {
  Vectors vectors;
  const size_t axes = features.dimensions + 1;
  elevate_points(features, first, axes, vectors);
  for (size_t i = 0; i < axes; ++i) {
    std::memcpy(&elevated[i], &vectors[i], sizeof(vectors[i]));
  }
}

DEEPLAB_CRF_WIDTHS
void find_simplices(
    const Features& features, size_t first, Simplices& simplices
) {
  constexpr size_t kColorAxes = 6;
  if (features.dimensions + 1 == kColorAxes) {
    find<kColorAxes>(features, first, simplices);
  } else {
    find<0>(features, first, simplices);
  }
}

}  // namespace deeplab::crf
