// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "deeplab/crf/dense_crf.h"

namespace deeplab::crf {

/// The model of MeanField without a pixel's message to itself, by sampling:
/// each pixel in turn takes a label at random, by its probability given all
/// others. The share of sweeps that a pixel spent in a label tends to its true
/// marginal, which mean field only approximates; slow, as every pixel asks
/// every other: for small images, and to judge mean field by. Source: Geman and
/// Geman 1984, "Stochastic Relaxation, Gibbs Distributions,
///         and the Bayesian Restoration of Images".
class GibbsSampler {
 public:
  /// `energies`, `labels` and `crf` as for MeanField. Begins at the labels with
  /// the lowest energy. Throws: ConfigError for the lattice engine, for a
  /// normalisation that has
  ///         no energy (after, before), or for a bad number of labels;
  ///         DataError naming an energy that is out of range.
  GibbsSampler(
      const DenseCrf& crf, const float* energies, size_t labels, uint64_t seed
  );

  /// One sweep over all pixels that does not count.
  void burn_in();
  /// One that does.
  void sample();

  /// [labels, pixels]: shares of the counted sweeps; they sum to 1 once there
  /// was one, and are all 0 before.
  std::vector<float> probabilities() const;

 private:
  /// A label for one pixel, given all others.
  uint8_t draw(size_t pixel);

  const DenseCrf& crf_;
  size_t labels_;
  /// [pixels, labels]
  std::vector<double> energies_;
  std::vector<uint32_t> counts_;
  std::vector<uint8_t> now_;
  int64_t samples_ = 0;
  std::mt19937_64 random_;
};

}  // namespace deeplab::crf
