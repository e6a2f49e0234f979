// SPDX-License-Identifier: Apache-2.0
// Where points lie on the permutohedral lattice, eight at a time, compiled once
// for each vector width.
#pragma once

#include <array>
#include <cstdint>

#include "deeplab/crf/filter.h"

namespace deeplab::crf {

constexpr size_t kMostDimensions = 15;
/// Points that are worked on together.
constexpr size_t kPoints = 8;

/// A number of each of the points, by coordinate or by remainder class.
template <class Number>
using OfPoints = std::array<std::array<Number, kPoints>, kMostDimensions + 1>;

/// Coordinates of the points from `first` on, on the lattice's plane; beyond
/// the last point, those of the last. A step of the blur is a standard
/// deviation there.
/// Source: Adams et al. 2010, section 3.1.
void elevate(
    const Features& features, size_t first, OfPoints<double>& elevated
);

/// The simplices around points.
struct Simplices {
  /// Coordinates of the corner of remainder 0. From one remainder to the next,
  /// all rise by 1, but for one that falls by d.
  OfPoints<int64_t> base;
  /// Which falls after that remainder.
  OfPoints<uint8_t> falls;
  /// Barycentric, by remainder.
  OfPoints<float> weights;
};
/// For the points that elevate() takes.
/// Source: Adams et al. 2010, section 3.2: the nearest vertex of remainder 0,
/// the order of the differences from it, barycentric coordinates.
void find_simplices(
    const Features& features, size_t first, Simplices& simplices
);

}  // namespace deeplab::crf
