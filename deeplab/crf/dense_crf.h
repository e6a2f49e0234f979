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
  /// k_ij. A lattice's sums are raised to the kernel's mass, in the mean over
  /// the image.
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

/// The fully connected CRF of one image; runs on any number of unaries.
///
/// Thread use: const calls may run at once.
class DenseCrf {
 public:
  /// Throws: ConfigError naming the bad option, or an image beyond this
  ///         machine's memory.
  DenseCrf(const DenseCrfOptions& options, const Image& image);

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
  size_t width_;
  std::vector<Kernel> kernels_;
};

}  // namespace deeplab::crf
