// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/evaluator.h"

#include "deeplab/core/error.h"

namespace deeplab::engine {

torch::Tensor score(
    const model::Segmenter& segmenter, const Sample& sample, int64_t num_classes
) {
  const auto logits = segmenter(sample.image.unsqueeze(0));
  if (logits.size(1) != num_classes) {
    throw DataError(
        str(sample.name,
            ": the network scores ",
            logits.size(1),
            " classes, the data set has ",
            num_classes)
    );
  }
  if (!logits.isfinite().all().item<bool>()) {
    throw Error(str(sample.name, ": the network's scores are not finite"));
  }
  return logits.squeeze(0);
}

ConfusionMatrix evaluate(
    const model::Segmenter& segmenter,
    const SampleSource& samples,
    int64_t num_classes,
    const EvaluateHooks& hooks
) {
  ConfusionMatrix counts(num_classes);
  for (int64_t index = 0; index < samples.size; ++index) {
    const auto sample = samples.at(index);
    const auto logits = score(segmenter, sample, num_classes);
    const auto prediction = logits.argmax(0).cpu();
    counts.add(sample.labels, prediction);
    if (hooks.on_logits) hooks.on_logits(sample, logits);
    if (hooks.on_prediction) hooks.on_prediction(sample, prediction);
    if (hooks.on_image) hooks.on_image(index + 1);
  }
  return counts;
}

}  // namespace deeplab::engine
