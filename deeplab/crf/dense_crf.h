// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "deeplab/crf/filter.h"
#include "deeplab/crf/rows.h"

namespace deeplab::crf {

/// How a kernel's sums are brought to the same size everywhere; n_i is the sum
/// of k_ij over all j, j == i included.
enum class Normalization {
  /// k_ij / sqrt(n_i n_j): the usual one.
  kSymmetric,
  /// k_ij / n_i.
  kAfter,
  /// k_ij / n_j.
  kBefore,
  /// k_ij. The lattice has only about half of the true mass: for kExact.
  kNone,
};

/// Whether a pixel sends a message to itself.
enum class SelfTerm {
  /// As the reference implementation of the paper's authors.
  kKept,
  /// As the paper's sum over j != i.
  kLeftOut,
};

/// What computes the sums over all pairs.
enum class Engine {
  /// The permutohedral lattice for colour, two passes for position alone.
  kLattice,
  /// Pair by pair: O(N^2).
  kExact,
};

/// One Gaussian kernel, exp(-|dp|^2 / 2 position_sigma^2 - |dI|^2 / 2
/// color_sigma^2), or one over features of the caller's own.
struct KernelOptions {
  /// Factor on the messages; w1 and w2 of the papers.
  double weight = 1;
  /// In pixels.
  double position_sigma = 3;
  /// In 8-bit levels; unset: colours do not matter.
  std::optional<double> color_sigma = {};
  /// In place of position and colour: [pixels, dimensions], divided by their
  /// sigmas already.
  std::optional<Features> features = {};
  /// How much a message of one label speaks for another: empty, 1 for each
  /// label to itself (Potts); [labels] of a diagonal; or [labels * labels],
  /// symmetric. Positive attracts, in all three.
  std::vector<float> compatibility = {};
  /// 0: every pixel hears every other. 4 or 8: only those that touch it, over
  /// their distance (1 or sqrt 2); position_sigma does not matter: the
  /// contrast-sensitive short-range CRF, usual with Normalization::kNone.
  /// Source: Boykov and Jolly 2001, "Interactive Graph Cuts", section 2.4.
  int64_t neighbours = 0;
};

/// How to run mean field. Defaults: DeepLabV2's ResNet-101, as released.
/// Source: Krähenbühl and Koltun 2011, arXiv:1210.5644; Chen et al. 2014,
///         arXiv:1412.7062, section 3.2.
struct DenseCrfOptions {
  std::vector<KernelOptions> kernels{{4, 67, 3}, {3, 1}};
  Normalization normalization = Normalization::kSymmetric;
  SelfTerm self_term = SelfTerm::kKept;
  Engine engine = Engine::kLattice;
  int64_t iterations = 10;
  /// Stops when an iteration moves less than this share of a pixel's
  /// probability from one label to others, in the mean over pixels; 0: never.
  double stop_below = 0;
  /// Labels whose probability is below this at every pixel are left out of mean
  /// field's work and end with 0; 0: none. Much faster where few of many labels
  /// occur.
  double drop_labels_below = 0;
};

/// What an energy may be at most, in size.
constexpr double kMostEnergy = 1e20;

/// -log p of probabilities, [labels, height * width] each. Clipped at 1e-5, as
/// the reference. Throws: DataError naming the first that is not in 0..1.
std::vector<float> energies_of_probabilities(
    const float* probabilities, size_t labels, size_t pixels
);

/// The same of the softmax of logits.
/// Throws: DataError naming the first that is not finite.
std::vector<float> energies_of_logits(
    const float* logits, size_t labels, size_t pixels
);

/// -log p for hard labels that are right with probability `confidence`, in
/// (1 / labels, 1); a label at or above `labels` (void) says nothing.
std::vector<float> energies_of_labels(
    const uint8_t* mask, size_t labels, size_t pixels, double confidence
);

/// The fully connected CRF of one image; runs on any number of unaries.
///
/// Thread use: const calls may run at once.
class DenseCrf {
 public:
  /// Throws: ConfigError naming the bad option.
  DenseCrf(const DenseCrfOptions& options, const Image& image);
  ~DenseCrf();
  DenseCrf(DenseCrf&&) noexcept;
  DenseCrf& operator=(DenseCrf&&) noexcept;

  const DenseCrfOptions& options() const noexcept { return options_; }
  size_t pixels() const noexcept { return pixels_; }

 private:
  friend class MeanField;
  friend class GibbsSampler;
  struct Kernel {
    std::unique_ptr<Filter> filter;
    /// What a pixel's own probabilities weigh in its message; empty: kept.
    std::vector<float> own;
  };

  /// Throws: ConfigError unless 2 to 256, and as many as the kernels'
  ///         compatibilities have.
  void check_labels(size_t labels) const;

  DenseCrfOptions options_;
  size_t pixels_;
  std::vector<Kernel> kernels_;
};

/// Mean field on one unary, iteration by iteration: all pixels are updated at
/// once, Q_i <- softmax(-U_i + sum over kernels of weight * C * message_i).
class MeanField {
 public:
  /// `energies` is [labels, pixels], each within +-1e20; 2 to 256 labels; `crf`
  /// outlives this. Q begins as softmax(-U).
  /// Throws: ConfigError for the number of labels; DataError naming an energy.
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
  /// The label with the highest probability, the first of equals.
  std::vector<uint8_t> labels() const;
  /// KL(Q || P) up to a constant of the image: sum of Q (log Q + U) less half
  /// of the expected messages. Mean field lowers it, but for the parallel
  /// update's overshoot.
  double kl_divergence() const;
  /// The energy of labels(), up to the same constant.
  double map_energy() const;

 private:
  /// The pixels are worked on in parts that stay in cache.
  size_t parts() const;
  Range part_of(size_t part) const;
  /// The labels that some pixel may have, by what the options drop.
  std::vector<size_t> choose_labels(const float* energies, size_t labels) const;
  /// Energies, and Q before the first iteration.
  void fill(const float* energies);
  void read(const Rows& q, std::vector<Rows>& workspaces) const;
  /// What the others tell each pixel if they are distributed as `q`.
  void add_messages(
      const Rows& q,
      const std::vector<Rows>& workspaces,
      Range pixels,
      Rows& sums
  ) const;
  /// kl_divergence() of `q`.
  double divergence_of(const Rows& q) const;

  const DenseCrf& crf_;
  size_t labels_;
  /// Of each column of the rows, its label.
  std::vector<size_t> kept_;
  Rows energies_;
  Rows q_;
  std::vector<Rows> workspaces_;
  int64_t iterations_ = 0;
};

}  // namespace deeplab::crf
