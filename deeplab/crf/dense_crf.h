// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "deeplab/crf/filters/filter.h"
#include "deeplab/crf/kernels/rows.h"

namespace deeplab::crf {

/// The normalisation of a kernel, so that its sums have the same size at every
/// pixel. n_i is the sum of k_ij over all j, including j == i.
enum class Normalization {
  /// k_ij / sqrt(n_i n_j), the usual choice.
  kSymmetric,
  /// k_ij / n_i.
  kAfter,
  /// k_ij / n_j.
  kBefore,
  /// k_ij, unchanged. The sums of a lattice are multiplied by one factor, so
  /// that their mean over the image matches the exact kernel's.
  kNone,
};

/// Whether a pixel sends a message to itself.
enum class SelfTerm {
  /// It does, as in the reference implementation of the paper's authors.
  kKept,
  /// It does not, as in the paper's sum over j != i.
  kLeftOut,
};

/// The method that computes the sums over all pairs of pixels.
enum class Engine {
  /// The permutohedral lattice for kernels with colour, two one-dimensional
  /// passes for kernels of position alone.
  kLattice,
  /// Pair by pair: O(N^2).
  kExact,
};

/// One Gaussian kernel: exp(-|dp|^2 / 2 position_sigma^2 - |dI|^2 / 2
/// color_sigma^2), or one over features that the caller provides.
struct KernelOptions {
  /// Factor on the messages; w1 and w2 in the papers.
  double weight = 1;
  /// Standard deviation of the position, in pixels.
  double position_sigma = 3;
  /// Standard deviation of the colour, in 8-bit levels. If unset, colours do
  /// not matter.
  std::optional<double> color_sigma = {};
  /// Replaces position and colour: [pixels, dimensions], already divided by the
  /// standard deviations.
  std::optional<Features> features = {};
  /// Strength with which a message for one label supports another label. Empty:
  /// 1 for each label with itself (Potts); [labels]: a diagonal; [labels *
  /// labels]: a symmetric matrix. In all three forms, a positive number
  /// attracts.
  std::vector<float> compatibility = {};
  /// 0 connects every pixel with every other. 4 or 8 connects only pixels that
  /// touch each other and divides the kernel by their distance (1 or sqrt 2);
  /// position_sigma has no effect then. This is the contrast-sensitive
  /// short-range CRF, which usually goes with Normalization::kNone.
  /// Source: Boykov and Jolly 2001, "Interactive Graph Cuts", section 2.4.
  int64_t neighbours = 0;
};

/// Options of mean field. The defaults are those released with DeepLabV2's
/// ResNet-101.
/// Source: Krähenbühl and Koltun 2011, arXiv:1210.5644; Chen et al. 2014,
///         arXiv:1412.7062, section 3.2.
struct DenseCrfOptions {
  std::vector<KernelOptions> kernels{{4, 67, 3}, {3, 1}};
  Normalization normalization = Normalization::kSymmetric;
  SelfTerm self_term = SelfTerm::kKept;
  Engine engine = Engine::kLattice;
  int64_t iterations = 10;
  /// Stops after an iteration that moves less than this fraction of a pixel's
  /// probability from one label to others, in the mean over all pixels; 0 never
  /// stops early.
  double stop_below = 0;
  /// Leaves out labels whose probability in softmax(-U), divided by that of the
  /// pixel's most probable label, is below this at every pixel. Their result is
  /// 0. This is much faster if few of many labels occur; 0 leaves out none.
  double drop_labels_below = 0;
};

/// The fully connected CRF of one image. It can run on any number of unaries.
///
/// Thread use: const calls may run concurrently.
class DenseCrf {
 public:
  struct Kernel {
    std::unique_ptr<Filter> filter;
    /// Weight of a pixel's own probabilities in its message, which is
    /// subtracted; empty if self_term is kKept.
    std::vector<float> own;
  };

  /// Throws: ConfigError naming the bad option, or for an image that does not
  ///         fit into this machine's memory.
  DenseCrf(const DenseCrfOptions& options, const Image& image);

  const DenseCrfOptions& options() const noexcept { return options_; }
  size_t pixels() const noexcept { return pixels_; }
  /// Width of the image, in pixels.
  size_t width() const noexcept { return width_; }
  /// The kernels of the options, in their order.
  const std::vector<Kernel>& kernels() const noexcept { return kernels_; }

  /// Throws: ConfigError unless there are 2 to 256 labels and the kernels'
  ///         compatibilities are for that number.
  void check_labels(size_t labels) const;

 private:
  Kernel make_kernel(const KernelOptions& kernel, const Image& image) const;

  DenseCrfOptions options_;
  size_t pixels_;
  size_t width_;
  std::vector<Kernel> kernels_;
};

}  // namespace deeplab::crf
