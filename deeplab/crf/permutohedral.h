// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "deeplab/crf/filter.h"

namespace deeplab::crf {

/// The permutohedral lattice over a set of points in d dimensions: the simplex
/// of each point, and the neighbours of each vertex along the d + 1 axes. Only
/// vertices that a point touches exist.
///
/// A vertex belongs to the remainder class of its coordinates modulo d + 1;
/// each simplex has one of each class, and neighbours are one class apart. So
/// classes are hashed apart, by different threads.
///
/// The points are cut into two halves, which different threads splat. Vertices
/// are numbered as the points touch them, so that those of a half lie together;
/// one of the first half that the second touches too has a twin there.
/// Source: Adams, Baek and Davis 2010, "Fast High-Dimensional Filtering Using
///         the Permutohedral Lattice", sections 3 and 4.
class PermutohedralLattice {
 public:
  /// The last entry of a chain carries this mark.
  static constexpr uint32_t kChainEnd = uint32_t{1} << 31U;

  /// Throws: ConfigError for points too far apart to number their vertices
  ///         (a kernel far narrower than a pixel or level).
  explicit PermutohedralLattice(const Features& features);

  size_t points() const noexcept { return points_; }
  size_t vertices() const noexcept { return vertices_; }
  /// The points of the first half.
  size_t half() const noexcept { return half_; }
  /// Of each twin, whose rows are behind the vertices': the vertex.
  const std::vector<uint32_t>& twins() const noexcept { return twins_; }
  /// d + 1: axes, remainder classes, corners of a simplex.
  size_t axes() const noexcept { return axes_; }

  /// The vertices of each point's simplex, [points, axes] by remainder class;
  /// in the second half, of a shared vertex its twin, whose number is at or
  /// above vertices(). And the point's barycentric weights there, which sum
  /// to 1.
  const uint32_t* corners() const noexcept { return corners_.data(); }
  const float* weights() const noexcept { return weights_.data(); }
  /// Runs of neighbours along an axis, one after the other; vertices without a
  /// neighbour there are in none.
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
