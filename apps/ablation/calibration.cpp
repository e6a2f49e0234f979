// SPDX-License-Identifier: Apache-2.0
#include "apps/ablation/calibration.h"

#include <algorithm>
#include <chrono>

#include <fmt/core.h>

#include "apps/config/grid.h"
#include "apps/run/compiled.h"
#include "apps/run/inference.h"
#include "apps/run/run.h"
#include "data/kinds.h"
#include "data/loader.h"
#include "deeplab/core/error.h"
#include "deeplab/model/deeplab.h"

namespace deeplab::apps {

double Calibration::training_seconds(const RunConfig& config) {
  auto alike = training_config(config);
  alike.train.seed = 0;
  auto& step = seconds_["train " + write_config(alike).dump()];
  if (step == 0) step = measure_step(config, device_);
  const auto& train = config.train;
  const int64_t every = train.validate_every;
  const int64_t validations =
      every == 0 ? 1 : (train.iterations + every - 1) / every;
  auto plain = config;
  plain.evaluate = {};
  return step * static_cast<double>(train.iterations) +
         static_cast<double>(validations) * scoring_seconds(plain);
}

double Calibration::scoring_seconds(const RunConfig& config) {
  auto alike = config;
  alike.train = {};
  auto& image = seconds_[fmt::format(
      "{}{}", pixels_per_feature(config.evaluate_stride()),
      write_config(alike).dump()
  )];
  const auto dataset = make_dataset(config.data, data::Role::kValidation);
  if (image == 0) image = measure_image(config, dataset);
  return image * static_cast<double>(dataset->size());
}

double Calibration::measure_image(
    const RunConfig& config, const std::shared_ptr<const data::Dataset>& dataset
) const {
  using Clock = std::chrono::steady_clock;
  model::DeepLab network(config.model, dataset->classes().size());
  auto samples = make_sample_source(dataset, config.normalization());
  // The first image is not counted, because it includes one-time preparations,
  // such as memory allocation.
  constexpr int64_t kImages = 3;
  samples.size = std::min(kImages, samples.size);
  std::vector<double> ends;
  const auto start = Clock::now();
  auto options = evaluate_options(config, *dataset);
  options.on_image = [&](int64_t /*done*/, double /*network_share*/) {
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    ends.push_back(elapsed.count());
  };
  const auto segmenter =
      inference_of(compiled(network, config, device_), config, std::nullopt);
  engine::evaluate(segmenter, samples, options);
  if (ends.size() == 1) return ends[0];
  return (ends.back() - ends[0]) / static_cast<double>(ends.size() - 1);
}

}  // namespace deeplab::apps
