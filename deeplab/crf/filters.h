// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "deeplab/crf/filter.h"

namespace deeplab::crf {

/// Every pair of pixels, one by one: O(N^2), for small images and as a measure
/// of the others. A pair whose features are more than 13 standard deviations
/// apart counts as 0.
class ExactFilter : public Filter {
 public:
  explicit ExactFilter(const Features& features);

  Rows make_workspace(size_t labels) const override;
  void read(const Rows& values, size_t turn, Rows& workspace) const override;
  void add(const Rows& values, const Rows& workspace, Range pixels, float* sums)
      const override;
  void add_votes(
      size_t pixel, const std::vector<uint8_t>& labels, double* votes
  ) const override;
  float own_weight(size_t /*pixel*/) const override { return 1; }
  bool reads_others() const override { return false; }
  void set_scales(Scales scales) override { scales_ = std::move(scales); }

 private:
  /// Whether no pixel of a group is within reach of `pixel`.
  bool is_apart(size_t group, size_t pixel) const;

  size_t count_;
  /// One row a dimension, one column a pixel.
  Rows coordinates_;
  /// The same with a column a group of pixels: their least and their most.
  Rows least_;
  Rows most_;
  Scales scales_;
};

/// Pixels that touch, by side (4) or by corner too (8):
/// exp(-|dI|^2 / 2 color_sigma^2) / distance; the pixel itself is not among
/// them.
class NeighbourFilter : public Filter {
 public:
  /// Without `color_sigma`, colours do not matter. `neighbours` is 4 or 8.
  NeighbourFilter(
      const Image& image, std::optional<double> color_sigma, int64_t neighbours
  );

  Rows make_workspace(size_t labels) const override { return {0, labels}; }
  void read(
      const Rows& /*values*/, size_t /*turn*/, Rows& /*workspace*/
  ) const override {}
  void add(const Rows& values, const Rows& workspace, Range pixels, float* sums)
      const override;
  void add_votes(
      size_t pixel, const std::vector<uint8_t>& labels, double* votes
  ) const override;
  float own_weight(size_t /*pixel*/) const override { return 0; }
  bool reads_others() const override { return true; }
  void set_scales(Scales scales) override;

 private:
  size_t count_;
  size_t per_pixel_;
  /// [pixels, per_pixel]; where the image ends, the pixel itself with weight 0.
  std::vector<uint32_t> others_;
  /// Times what the others give.
  std::vector<float> weights_;
  std::vector<float> taken_;
};

}  // namespace deeplab::crf
