// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "deeplab/core/sample.h"
#include "deeplab/engine/metrics.h"
#include "deeplab/model/segmenter.h"

namespace deeplab::engine {

/// What an evaluation tells while it runs; any may be empty.
struct EvaluateHooks {
  /// After each image: how many are done.
  std::function<void(int64_t done)> on_image;
  /// The network's scores, float [num_classes, H, W], for a second opinion such
  /// as a CRF's.
  std::function<void(const Sample& sample, const torch::Tensor& logits)>
      on_logits;
  /// The class of each pixel, int64 [H, W], beside its sample.
  std::function<void(const Sample& sample, const torch::Tensor& prediction)>
      on_prediction;
};

/// A network's scores of one whole image, float [num_classes, H, W].
/// Throws: DataError naming the image, where their number of classes is not
///         `num_classes`; Error where they are not finite.
torch::Tensor score(
    const model::Segmenter& segmenter, const Sample& sample, int64_t num_classes
);

/// Segments every image whole, one at a time at its own size, and counts.
/// Throws: as score(); c10::Error for a label out of range (data sets check
///         theirs).
ConfusionMatrix evaluate(
    const model::Segmenter& segmenter,
    const SampleSource& samples,
    int64_t num_classes,
    const EvaluateHooks& hooks
);

}  // namespace deeplab::engine
