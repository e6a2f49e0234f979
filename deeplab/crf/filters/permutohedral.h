// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "deeplab/crf/filters/filter.h"

namespace deeplab::crf {

/// The permutohedral lattice over a set of points in d dimensions: the simplex
/// of each point, and the neighbours of each vertex along the d + 1 axes. Only
/// vertices that belong to the simplex of a point exist.
///
/// A vertex belongs to a remainder class: its coordinates modulo d + 1. Each
/// simplex has one vertex of each class, and neighbours are one class apart.
/// Each class therefore has its own hash table, filled by a thread of its own.
///
/// The points are split into two halves, which different threads splat.
/// Vertices are numbered in the order in which the points touch them, so that
/// those of a half lie together. If the second half touches a vertex of the
/// first, the vertex has a twin (a copy) for the second half.
/// Source: Adams, Baek and Davis 2010, "Fast High-Dimensional Filtering Using
///         the Permutohedral Lattice", sections 3 and 4.
class PermutohedralLattice {
 public:
  /// Throws: ConfigError for more than 15 dimensions, for too many points, or
  ///         for points too far apart to number their vertices (a kernel far
  ///         narrower than a pixel or level).
  explicit PermutohedralLattice(const Features& features);

  size_t points() const noexcept { return points_; }
  size_t vertices() const noexcept { return vertices_; }
  /// Returns the number of points in the first half.
  size_t half() const noexcept { return half_; }
  /// Returns the vertex of each twin. The rows of twins follow those of the
  /// vertices.
  const std::vector<uint32_t>& twins() const noexcept { return twins_; }
  /// Returns d + 1, the number of axes, of remainder classes, and of a
  /// simplex's corners.
  size_t axes() const noexcept { return axes_; }

  /// corners() returns the vertices of each point's simplex, [points, axes] by
  /// remainder class. For a point of the second half, a shared vertex is
  /// replaced by its twin, whose number is at or above vertices(). weights()
  /// returns the point's barycentric weights there, which sum to 1.
  const uint32_t* corners() const noexcept { return corners_.data(); }
  const float* weights() const noexcept { return weights_.data(); }
  /// Returns chains of neighbours along an axis, one after the other. Vertices
  /// without a neighbour along the axis are in no chain. The last entry of a
  /// chain is marked with kChainEnd.
  const std::vector<uint32_t>& chains(size_t axis) const noexcept {
    return chains_[axis];
  }

 private:
  template <class Key, size_t kAxes>
  friend class LatticeBuilder;

  size_t points_;
  size_t axes_;
  size_t half_;
  size_t vertices_ = 0;
  Array<uint32_t> corners_;
  Array<float> weights_;
  std::vector<uint32_t> twins_;
  std::vector<std::vector<uint32_t>> chains_;
};

}  // namespace deeplab::crf
