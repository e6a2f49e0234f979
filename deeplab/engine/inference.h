// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "deeplab/engine/memory_meter.h"
#include "deeplab/model/segmenter.h"

namespace deeplab::engine {

/// How an image of another scale is sized.
enum class SizingRule {
  /// round(side * scale), pixel areas aligned (align_corners=False).
  kPyTorch,
  /// (side - 1) * scale + 1, cut to a whole number, corner pixels aligned
  /// (align_corners=True), as the papers' code does.
  kTensorFlow,
};

/// How to get one image's scores from a network.
struct InferenceOptions {
  /// Sizes of the image, each a pass.
  std::vector<double> scales = {1};
  /// Each pass twice, once with the image mirrored left to right.
  bool flip = false;
  SizingRule sizing = SizingRule::kTensorFlow;
  /// Largest piece that the network sees at once; unset: the whole image.
  std::optional<model::ImageSize> window;
  /// Share of a piece that its neighbour covers too, in [0, 1).
  double overlap = 1.0 / 3;

  /// Whether the network's own scores are the result.
  bool is_plain() const {
    return scales == std::vector<double>{1} && !flip && !window;
  }
};

/// A segmenter that runs `network` at several scales, mirrored, and in pieces,
/// and gives the logarithm of the mean of the probabilities; where none of
/// these is asked for, `network` itself.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 4.1 (mean of
///         probabilities over scales 0.5 to 1.75 and flips).
/// Differs: logits reach the image's size by way of the scaled image's.
model::Segmenter make_inference(
    model::Segmenter network, const InferenceOptions& options
);

/// The corners at which pieces of `window` cover `length`, evenly spaced, with
/// at least `overlap` of a piece shared by neighbours.
std::vector<int64_t> piece_starts(
    int64_t length, int64_t window, double overlap
);

/// What inference and evaluation of one image hold at once, in bytes: the
/// network's share by `memory`, scores of `num_classes`, labels.
double estimate_memory(
    const MemoryModel& memory,
    const InferenceOptions& options,
    model::ImageSize image,
    int64_t num_classes
);

/// The options with the largest square window, a multiple of 32 plus 1, with
/// which estimate_memory() stays within `bytes`; as they are where the whole
/// image does.
/// Throws: DataError saying how much is needed, where a window of 129 is too
///         large.
InferenceOptions fit_memory(
    const MemoryModel& memory,
    InferenceOptions options,
    model::ImageSize image,
    int64_t num_classes,
    double bytes
);

}  // namespace deeplab::engine
