// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/crf/filters/filter.h"
#include "deeplab/crf/filters/permutohedral.h"

namespace deeplab::crf {

/// The permutohedral lattice: splat, blur along each axis, slice. It is
/// approximate; see the README. The order of the axes changes with the turn:
/// forwards, backwards, then both ways starting from the next axis, and so on.
/// This evens out the error of missing vertices.
class LatticeFilter : public Filter {
 public:
  explicit LatticeFilter(const Features& features);

  Rows make_workspace(size_t labels) const override;
  void read(const Rows& values, size_t turn, Rows& workspace) const override;
  void add(const Rows& values, const Rows& workspace, Range pixels, float* sums)
      const override;
  void add_tile(
      const Rows& values, const Rows& workspace, const Tile& tile, float* sums
  ) const override;
  float own_weight(size_t pixel) const override;
  std::vector<float> sums(size_t pixels) const override;
  bool reads_neighbours() const override { return false; }
  void set_scales(Scales scales) override { scales_ = std::move(scales); }

 private:
  /// Calls blur(chains, range) for whole chains along each axis, in the order
  /// of the axes in this turn.
  template <class Blur>
  void blur_axes(size_t turn, const Blur& blur) const;

  PermutohedralLattice lattice_;
  Scales scales_;
};

}  // namespace deeplab::crf
