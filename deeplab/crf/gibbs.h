// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "deeplab/crf/dense_crf.h"
#include "deeplab/crf/pair_weights.h"

namespace deeplab::crf {

/// Gibbs sampling of MeanField's model, without a pixel's message to itself:
/// one pixel after another gets a random label with its probability given all
/// other pixels. The fraction of sweeps that a pixel spends in a label
/// converges to the label's true marginal, which mean field only approximates.
/// It is slow, because each draw reads all other pixels: use it for small
/// images and to judge mean field.
/// Source: Geman and Geman 1984, "Stochastic Relaxation, Gibbs Distributions,
///         and the Bayesian Restoration of Images".
class GibbsSampler {
 public:
  /// `energies`, `labels` and `crf` are as for MeanField; `image` is the one of
  /// `crf`. Sampling starts at the labels with the lowest energy.
  /// Throws: ConfigError for the lattice engine (except for kernels between
  ///         neighbours), for a normalisation without an energy (after,
  ///         before), or for a bad number of labels; DataError naming an energy
  ///         that is out of range.
  GibbsSampler(
      const DenseCrf& crf,
      const Image& image,
      const float* energies,
      size_t labels,
      uint64_t seed
  );

  /// Runs one sweep over all pixels that is not counted.
  void burn_in();
  /// Runs one sweep that is counted.
  void sample();

  /// Returns [labels, pixels]: the fraction of the counted sweeps that a pixel
  /// spent in each label. The fractions of a pixel sum to 1 after the first
  /// counted sweep, and are all 0 before.
  std::vector<float> probabilities() const;

 private:
  /// Draws a label for one pixel, given all others.
  uint8_t draw(size_t pixel);

  std::vector<PairWeights> weights_;
  /// KernelOptions::compatibility of each kernel.
  std::vector<std::vector<float>> compatibilities_;
  size_t labels_;
  /// [pixels, labels].
  std::vector<double> energies_;
  std::vector<uint32_t> counts_;
  std::vector<uint8_t> now_;
  int64_t samples_ = 0;
  std::mt19937_64 random_;
};

}  // namespace deeplab::crf
