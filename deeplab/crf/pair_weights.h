// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "deeplab/crf/dense_crf.h"
#include "deeplab/crf/filters/pair_filters.h"

namespace deeplab::crf {

/// The exact, normalised weights of one kernel between each pixel and all
/// others, computed pair by pair: for small images.
class PairWeights {
 public:
  PairWeights(
      const KernelOptions& kernel,
      Normalization normalization,
      const Image& image
  );

  /// Adds, for each pixel j other than `pixel`, the weight of the pair to
  /// votes[labels[j]].
  void add_votes(
      size_t pixel,
      const std::vector<uint8_t>& labels,
      std::vector<double>& votes
  ) const;

 private:
  /// Calls function(j, k_ij), without scales, for the pixels j that `pixel`
  /// shares a kernel with.
  template <class Function>
  void for_others(size_t pixel, const Function& function) const;

  size_t pixels_;
  /// Set if the kernel is between pixels that touch.
  std::optional<NeighbourLinks> links_;
  /// Otherwise: one row per dimension, one column per pixel.
  Rows coordinates_;
  Scales scales_;
};

}  // namespace deeplab::crf
