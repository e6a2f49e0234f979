// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "deeplab/core/sample.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/metrics/evaluation.h"

namespace deeplab::engine {

/// Refines a network's scores with the help of the image, as a CRF does. The
/// largest of the returned scores at a pixel determines its class. Shapes:
/// logits [K, H, W] -> scores [K, H, W].
using PostProcess = std::function<
    torch::Tensor(const Sample& sample, const torch::Tensor& logits)>;

/// Options of evaluate().
struct EvaluateOptions {
  metrics::EvaluationOptions counted;
  /// If it is empty, only the network's own scores are evaluated.
  PostProcess post_process;
  /// Number of consecutive images that the network works on together if they
  /// have one size.
  int64_t batch_size = 1;
  /// Called after each batch with the number of finished images and the share
  /// of the time so far, in [0, 1], that the network took. May be empty.
  std::function<void(int64_t done, double network_share)> on_image;
  /// Called with the class of each pixel, int64 [H, W], after post_process if
  /// there is one: image after image, but possibly on another thread, while the
  /// next image is read. May be empty.
  std::function<void(const Sample& sample, const torch::Tensor& prediction)>
      on_prediction;
  /// Reads the next batch and counts the previous one, on other threads, while
  /// the network works on a batch. This is for a network on a GPU: on a CPU it
  /// takes cores away from the network, and all takes longer. There, the next
  /// batch is read while the previous one is counted.
  bool overlap = false;
};

/// The counts of one pass over a data set.
struct Evaluated {
  metrics::Evaluation network;
  /// The counts after post_process; unset without it.
  std::optional<metrics::Evaluation> processed;

  /// Returns the counts after post_process if there is one, else the network's.
  const metrics::Evaluation& final() const {
    return processed ? *processed : network;
  }
};

/// Throws: Error naming the image, if its scores are not finite.
void require_finite(const torch::Tensor& logits, const std::string& image);

/// Returns a network's scores for one whole image, float [num_classes, H, W].
/// Throws: DataError naming the image, if the number of classes is not
///         `num_classes`; Error if the scores are not finite.
torch::Tensor score(
    const Segmenter& segmenter, const Sample& sample, int64_t num_classes
);

/// Segments every image at its own size, and counts the results. `samples` may
/// be called on another thread, but for one image at a time.
/// Throws: the same as score() and Evaluation::add(); c10::Error if a label is
///         out of range (data sets check their labels).
Evaluated evaluate(
    const Segmenter& segmenter,
    const SampleSource& samples,
    const EvaluateOptions& options
);

}  // namespace deeplab::engine
