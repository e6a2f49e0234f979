// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "deeplab/crf/filters/filter.h"
#include "deeplab/crf/kernels/band_loops.h"
#include "deeplab/crf/kernels/bands.h"

namespace deeplab::crf {

/// A kernel of position alone, computed along columns and then along rows. The
/// Gaussian is cut off beyond four standard deviations. From a sigma of 3
/// pixels on, it is computed at a coarser step (bands.h).
class SpatialFilter : public Filter {
 public:
  /// `sigma` is in pixels and > 0.
  SpatialFilter(int64_t height, int64_t width, double sigma);

  Rows make_workspace(size_t labels) const override;
  void read(const Rows& values, size_t turn, Rows& workspace) const override;
  void add(const Rows& values, const Rows& workspace, Range pixels, float* sums)
      const override;
  /// Works on two rows at a time, which share most of the lines that they read.
  void add_tile(
      const Rows& values, const Rows& workspace, const Tile& tile, float* sums
  ) const override;
  float own_weight(size_t /*pixel*/) const override { return 1; }
  std::vector<float> sums(size_t pixels) const override;
  bool reads_neighbours() const override { return step_ == 1; }
  /// Each scale must be the product of a factor of its row and a factor of its
  /// column, as sums() are.
  void set_scales(Scales scales) override;

 private:
  /// The bands that add() applies: along columns, then along rows.
  const Bands& columns_to() const {
    return step_ == 1 ? columns_.blur : columns_.up;
  }
  const Bands& rows_to() const { return step_ == 1 ? rows_.blur : rows_.up; }
  Lines lines_from(const Rows& values, const Rows& workspace) const {
    if (step_ == 1) return {values[0], width_};
    return {workspace[places()], rows_.up.inputs};
  }
  size_t places() const { return columns_.blur.outputs * rows_.blur.outputs; }

  size_t step_;
  size_t width_;
  /// Bands along a column, and along a row; the scales are multiplied into
  /// their taps.
  GaussianBands columns_;
  GaussianBands rows_;
};

}  // namespace deeplab::crf
