// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "deeplab/crf/dense_crf.h"

namespace deeplab::crf {

/// Mean field inference on one unary, iteration by iteration. All pixels are
/// updated at once: Q_i <- softmax(-U_i + sum over kernels of weight * C *
/// message_i).
class MeanField {
 public:
  /// `energies` is [labels, pixels], each within +-1e20, with 2 to 256 labels.
  /// `crf` must outlive this object. Q starts as softmax(-U).
  /// Throws: ConfigError for the number of labels, or for tables that do not
  ///         fit into this machine's memory; DataError naming an energy that is
  ///         out of range.
  MeanField(const DenseCrf& crf, const float* energies, size_t labels);

  /// Runs one iteration. Returns the fraction of its probability that a pixel
  /// moved from one label to others, in the mean over all pixels.
  double step();
  /// Runs the number of iterations in the options, or fewer if `stop_below`
  /// ends them early. Returns the number of iterations done.
  int64_t run();

  int64_t iterations() const noexcept { return iterations_; }
  /// Returns Q as [labels, pixels]; the sum over labels is 1 at each pixel.
  std::vector<float> probabilities() const;
  /// Writes probabilities() to `result`, which has room for [labels, pixels].
  void write_probabilities(float* result) const;
  /// Returns the most probable label of each pixel; the first one of equals.
  std::vector<uint8_t> labels() const;
  /// Returns KL(Q || P) up to a constant of the image: the sum of Q (log Q + U)
  /// minus half of the expected messages. Iterations lower it, except when the
  /// parallel update overshoots.
  double kl_divergence() const;
  /// Returns the energy of labels(), up to the same constant.
  double map_energy() const;

 private:
  /// An iteration works on small tiles whose data stay in cache. Tiles follow
  /// one another downwards, so that the lines around a tile, which spatial
  /// kernels read, stay in cache, too. The tiles of the image's upper half come
  /// first, so that a thread gets tiles of the half whose pixels it splats.
  size_t tiles() const;
  Tile tile_of(size_t index) const;
  /// Returns the labels that remain after the options' `drop_labels_below`.
  std::vector<size_t> choose_labels(const float* energies, size_t labels) const;
  /// Sets energies_, and q_ to its value before the first iteration.
  void fill(const float* energies);
  void read(const Rows& q, size_t turn, std::vector<Rows>& workspaces) const;
  /// Sets `sums` to the messages that each pixel of a tile gets from the others
  /// if they have the distribution `q`.
  void add_messages(
      const Rows& q,
      const std::vector<Rows>& workspaces,
      const Tile& tile,
      Rows& sums
  ) const;
  /// Returns kl_divergence() for the distribution `q`.
  double divergence_of(const Rows& q) const;

  const DenseCrf& crf_;
  size_t labels_;
  /// True if a kernel reads the rows of neighbouring pixels, so that an
  /// iteration cannot overwrite q_ pixel by pixel.
  bool reads_neighbours_;
  /// Label of each column of the tables.
  std::vector<size_t> kept_;
  Rows energies_;
  Rows q_;
  /// Probabilities of the next iteration; used only if reads_neighbours_.
  /// step() allocates them, and run() frees them at its end.
  Rows next_;
  std::vector<Rows> workspaces_;
  int64_t iterations_ = 0;
};

}  // namespace deeplab::crf
