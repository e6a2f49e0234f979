// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "deeplab/crf/dense_crf.h"

namespace deeplab::crf {

/// Mean field on one unary, iteration by iteration: all pixels are updated at
/// once, Q_i <- softmax(-U_i + sum over kernels of weight * C * message_i).
class MeanField {
 public:
  /// `energies` is [labels, pixels], each within +-1e20; 2 to 256 labels; `crf`
  /// outlives this. Q begins as softmax(-U).
  /// Throws: ConfigError for the number of labels, or tables beyond this
  ///         machine's memory; DataError naming an energy.
  MeanField(const DenseCrf& crf, const float* energies, size_t labels);

  /// One iteration. Returns what share of its probability a pixel moved from
  /// one label to others, in the mean.
  double step();
  /// The options' iterations, or fewer if they say when to stop; returns how
  /// many.
  int64_t run();

  int64_t iterations() const noexcept { return iterations_; }
  /// [labels, pixels]; sums to 1 at each pixel.
  std::vector<float> probabilities() const;
  /// The same to `result`, which has room for it.
  void write_probabilities(float* result) const;
  /// The label with the highest probability, the first of equals.
  std::vector<uint8_t> labels() const;
  /// KL(Q || P) up to a constant of the image: sum of Q (log Q + U) less half
  /// of the expected messages. Mean field lowers it, but for the parallel
  /// update's overshoot.
  double kl_divergence() const;
  /// The energy of labels(), up to the same constant.
  double map_energy() const;

 private:
  /// An iteration works on tiles that stay in cache, below one another, so that
  /// what a spatial kernel reads of the lines around stays there too. The upper
  /// half's come first: a thread has those whose pixels it splats.
  size_t tiles() const;
  Tile tile_of(size_t index) const;
  /// The labels that some pixel may have, by what the options drop.
  std::vector<size_t> choose_labels(const float* energies, size_t labels) const;
  /// Energies, and Q before the first iteration.
  void fill(const float* energies);
  void read(const Rows& q, size_t turn, std::vector<Rows>& workspaces) const;
  /// What the others tell each pixel if they are distributed as `q`.
  void add_messages(
      const Rows& q,
      const std::vector<Rows>& workspaces,
      const Tile& tile,
      Rows& sums
  ) const;
  /// kl_divergence() of `q`.
  double divergence_of(const Rows& q) const;

  const DenseCrf& crf_;
  size_t labels_;
  /// Whether some kernel looks at the neighbours' rows, so that the next
  /// iteration's cannot take their place pixel by pixel.
  bool reads_others_;
  /// Of each column of the rows, its label.
  std::vector<size_t> kept_;
  Rows energies_;
  Rows q_;
  /// Of the next iteration, while iterations go on, if reads_others_.
  Rows next_;
  std::vector<Rows> workspaces_;
  int64_t iterations_ = 0;
};

}  // namespace deeplab::crf
