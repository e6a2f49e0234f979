// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "deeplab/core/sample.h"
#include "deeplab/engine/evaluation.h"
#include "deeplab/model/segmenter.h"

namespace deeplab::engine {

/// A network's scores of one image, changed with the image at hand, as a CRF
/// does: logits [K, H, W] -> any scores whose largest is the class [K, H, W].
using PostProcess = std::function<
    torch::Tensor(const Sample& sample, const torch::Tensor& logits)>;

/// How to evaluate.
struct EvaluateOptions {
  EvaluationOptions counted;
  /// Empty: the network's own scores alone.
  PostProcess post_process;
  /// After each image: how many are done. May be empty.
  std::function<void(int64_t done)> on_image;
  /// The class of each pixel, int64 [H, W], after post_process where there is
  /// one. May be empty.
  std::function<void(const Sample& sample, const torch::Tensor& prediction)>
      on_prediction;
};

/// What one pass over a data set counted.
struct Evaluated {
  Evaluation network;
  /// After post_process.
  std::optional<Evaluation> processed;

  /// The last word.
  const Evaluation& final() const { return processed ? *processed : network; }
};

/// A network's scores of one whole image, float [num_classes, H, W].
/// Throws: DataError naming the image, where their number of classes is not
///         `num_classes`; Error where they are not finite.
torch::Tensor score(
    const model::Segmenter& segmenter, const Sample& sample, int64_t num_classes
);

/// Segments every image, one at a time at its own size, and counts.
/// Throws: as score() and Evaluation::add(); c10::Error for a label out of
///         range (data sets check theirs).
Evaluated evaluate(
    const model::Segmenter& segmenter,
    const SampleSource& samples,
    const EvaluateOptions& options
);

}  // namespace deeplab::engine
