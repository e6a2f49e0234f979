// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "deeplab/crf/filters/filter.h"

namespace deeplab::crf {

/// Computes every pair of pixels, one by one: O(N^2). It is meant for small
/// images and as a reference for the other filters. A pair whose features are
/// more than 13 standard deviations apart counts as 0.
class ExactFilter : public Filter {
 public:
  explicit ExactFilter(const Features& features);

  Rows make_workspace(size_t labels) const override;
  void read(const Rows& values, size_t turn, Rows& workspace) const override;
  void add(const Rows& values, const Rows& workspace, Range pixels, float* sums)
      const override;
  float own_weight(size_t /*pixel*/) const override { return 1; }
  bool reads_neighbours() const override { return false; }
  void set_scales(Scales scales) override { scales_ = std::move(scales); }

 private:
  /// Returns true if all pixels of a group are too far from `pixel` to matter.
  bool is_apart(size_t group, size_t pixel) const;

  size_t count_;
  /// One row per dimension, one column per pixel.
  Rows coordinates_;
  /// Minimum and maximum of the coordinates in each group of pixels: one row
  /// per dimension, one column per group.
  Rows least_;
  Rows most_;
  Scales scales_;
};

/// The pixels that touch each pixel, and the weight of each such pair.
struct NeighbourLinks {
  /// Number of links of a pixel, 4 or 8.
  size_t per_pixel;
  /// [pixels, per_pixel]; a link across the image's border leads to the pixel
  /// itself and has weight 0.
  std::vector<uint32_t> others;
  std::vector<float> weights;
};
/// Returns the links of NeighbourFilter, without its scales.
NeighbourLinks link_neighbours(
    const Image& image, std::optional<double> color_sigma, int64_t neighbours
);

/// Pixels that touch each other, along a side (4) or also at a corner (8), with
/// the kernel exp(-|dI|^2 / 2 color_sigma^2) / distance. A pixel is not its own
/// neighbour.
class NeighbourFilter : public Filter {
 public:
  /// If `color_sigma` is unset, colours do not matter. `neighbours` is 4 or 8.
  NeighbourFilter(
      const Image& image, std::optional<double> color_sigma, int64_t neighbours
  );

  Rows make_workspace(size_t labels) const override { return {0, labels}; }
  void read(
      const Rows& /*values*/, size_t /*turn*/, Rows& /*workspace*/
  ) const override {}
  void add(const Rows& values, const Rows& workspace, Range pixels, float* sums)
      const override;
  float own_weight(size_t /*pixel*/) const override { return 0; }
  bool reads_neighbours() const override { return true; }
  void set_scales(Scales scales) override;

 private:
  /// Its weights are multiplied by the scales of what the others give.
  NeighbourLinks links_;
  std::vector<float> taken_;
};

}  // namespace deeplab::crf
