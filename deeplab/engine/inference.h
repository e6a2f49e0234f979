// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "deeplab/core/segmenter.h"
#include "deeplab/engine/memory_meter.h"

namespace deeplab::engine {

/// Rule for the size of a rescaled image, and for where its pixels lie.
enum class SizingRule {
  /// (side - 1) * scale + 1, rounded down; pixel k lies at k / scale of the
  /// image. Nothing is stretched.
  kCentres,
  /// round(side * scale), with aligned pixel areas (align_corners=False).
  kPyTorch,
  /// (side - 1) * scale + 1, rounded down, with aligned corner pixels
  /// (align_corners=True), as in the papers' code. The same as kCentres if
  /// (side - 1) * scale is a whole number; else the image is stretched by less
  /// than a pixel.
  kTensorFlow,
};

/// Options of make_inference().
struct InferenceOptions {
  /// Scales of the image, one forward pass each.
  std::vector<double> scales = {1};
  /// Adds a pass for each scale with the image mirrored left to right.
  bool flip = false;
  SizingRule sizing = SizingRule::kCentres;
  /// Size of the largest piece that the network sees at once. Unset: the whole
  /// image.
  std::optional<ImageSize> window;
  /// Number of images, or pieces of images, that the network works on together.
  int64_t batch_size = 1;
  /// Fraction of a piece that its neighbor covers too, in [0, 1).
  double overlap = 1.0 / 3;
  /// Distance of the network's features in pixels, its output stride. Pieces
  /// begin at multiples of it, so that their features look at the same pixels
  /// as those of the whole image.
  int64_t stride = 1;

  /// Returns true if the result is the network's own scores.
  bool is_plain() const {
    return scales == std::vector<double>{1} && !flip && !window;
  }
};

/// Returns a segmenter that runs `network` at several scales, on mirrored
/// images and in pieces, and gives the logarithm of the mean probabilities. If
/// the options ask for none of these, it returns `network` itself.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 4.1 (mean of
///         probabilities over scales 0.5 to 1.75 and flips).
/// Differs: logits reach the image's size by way of the scaled image's.
Segmenter make_inference(Segmenter network, const InferenceOptions& options);

/// Returns the offsets at which pieces of options.window cover `length`:
/// multiples of options.stride, as evenly spaced as these allow. Neighbors
/// share at least the fraction options.overlap of a piece, unless what is left
/// of it is smaller than the stride. The last piece may be shorter than the
/// others. For a window that is smaller than the stride, pieces begin anywhere.
std::vector<int64_t> piece_starts(
    int64_t length, int64_t window, const InferenceOptions& options
);

/// Estimates the peak memory of inference and evaluation for a batch of images,
/// in bytes: the network's memory as given by `memory`, scores of `num_classes`
/// classes, and labels.
double estimate_memory(
    const MemoryModel& memory,
    const InferenceOptions& options,
    ImageSize image,
    int64_t num_classes
);

/// Returns the options unchanged if estimate_memory() stays within `bytes`.
/// Else returns them with the largest square window, of a side that is a
/// multiple of 32 plus 1, that fits.
/// Throws: DataError with the memory that is needed, if even a window of 129
///         does not fit.
InferenceOptions fit_memory(
    const MemoryModel& memory,
    InferenceOptions options,
    ImageSize image,
    int64_t num_classes,
    double bytes
);

}  // namespace deeplab::engine
