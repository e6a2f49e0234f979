// SPDX-License-Identifier: Apache-2.0
// Finds the positions of points on the permutohedral lattice, eight points at a
// time; compiled once for each vector width.
#pragma once

#include <array>
#include <cstdint>

#include "deeplab/crf/kernels/features.h"

namespace deeplab::crf {

constexpr size_t kMostDimensions = 15;
/// Number of points that are processed together.
constexpr size_t kPoints = 8;

/// One number for each of kPoints points, for each coordinate or remainder
/// class.
template <class Number>
using OfPoints = std::array<std::array<Number, kPoints>, kMostDimensions + 1>;

/// Computes the coordinates of kPoints points from `first` on, in the plane of
/// the lattice. They are scaled so that the lattice's blur corresponds to one
/// standard deviation. Beyond the last point, its coordinates are repeated.
/// Source: Adams et al. 2010, section 3.1.
void elevate(
    const Features& features, size_t first, OfPoints<double>& elevated
);

/// The simplices that contain kPoints points.
struct Simplices {
  /// Coordinates of the corner of remainder 0. From one remainder to the next,
  /// every coordinate rises by 1, except for one that falls by d.
  OfPoints<int64_t> base;
  /// The coordinate that falls after each remainder.
  OfPoints<uint8_t> falls;
  /// Barycentric weights, by remainder.
  OfPoints<float> weights;
};
/// Finds the simplices of the points that elevate() takes: the nearest vertex
/// of remainder 0, the order of the differences from it, and the barycentric
/// weights.
/// Source: Adams et al. 2010, section 3.2.
void find_simplices(
    const Features& features, size_t first, Simplices& simplices
);

}  // namespace deeplab::crf
