// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/evaluator.h"

#include <fmt/core.h>

#include "deeplab/core/error.h"

namespace deeplab::engine {

void require_finite(const torch::Tensor& logits, const std::string& image) {
  if (logits.isfinite().all().item<bool>()) return;
  throw Error(fmt::format(
      "{}: the network's scores for this image are not finite; the training has diverged (lower train.learning_rate), or the weights do not fit the network",
      image
  ));
}

torch::Tensor score(
    const Segmenter& segmenter, const Sample& sample, int64_t num_classes
) {
  const auto logits = segmenter(sample.image.unsqueeze(0));
  if (logits.size(1) != num_classes) {
    throw DataError(fmt::format(
        "{}: the network has scores for {} classes; expected {}, as in the data set",
        sample.name, logits.size(1), num_classes
    ));
  }
  require_finite(logits, sample.name);
  return logits.squeeze(0);
}

Evaluated evaluate(
    const Segmenter& segmenter,
    const SampleSource& samples,
    const EvaluateOptions& options
) {
  Evaluated result{metrics::Evaluation(options.counted), std::nullopt};
  if (options.post_process) result.processed.emplace(options.counted);
  for (int64_t index = 0; index < samples.size; ++index) {
    const auto sample = samples.at(index);
    const auto logits = score(segmenter, sample, options.counted.num_classes);
    auto prediction = logits.argmax(0).cpu();
    result.network.add(sample.name, sample.labels, prediction);
    if (result.processed) {
      prediction = options.post_process(sample, logits).argmax(0).cpu();
      result.processed->add(sample.name, sample.labels, prediction);
    }
    if (options.on_prediction) options.on_prediction(sample, prediction);
    if (options.on_image) options.on_image(index + 1);
  }
  return result;
}

}  // namespace deeplab::engine
