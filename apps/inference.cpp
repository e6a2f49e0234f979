// SPDX-License-Identifier: Apache-2.0
#include "apps/inference.h"

#include <iomanip>
#include <iostream>
#include <memory>
#include <sstream>

#include <torch/types.h>

#include "apps/platform.h"
#include "deeplab/core/error.h"
#include "deeplab/crf/post_process.h"
#include "deeplab/engine/inference.h"

namespace deeplab::apps {
namespace {

constexpr double kGib = 1 << 30;

std::string size_text(const model::ImageSize& size) {
  return str(size.height, "x", size.width);
}

std::string gib_text(double bytes) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << bytes / kGib;
  return text.str();
}

/// Cuts each image into pieces that leave the process within its limit.
class LimitedInference {
 public:
  LimitedInference(
      model::Segmenter network,
      const engine::InferenceOptions& options,
      double limit
  )
      : network_(std::move(network)), options_(options), limit_(limit) {
    return_freed_memory();
    const auto scores = network_(torch::zeros({1, 3, 129, 129}));
    classes_ = scores.size(1);
    memory_ = engine::measure_memory(network_);
    // What the process holds without any image.
    besides_ = static_cast<double>(resident_bytes());
    if (besides_ < limit_) return;
    throw ConfigError(
        str("--memory-limit is ",
            gib_text(limit_),
            " GiB; the program with the network takes ",
            gib_text(besides_),
            " before any image")
    );
  }

  torch::Tensor operator()(const torch::Tensor& images) {
    const model::ImageSize size{images.size(2), images.size(3)};
    const auto fitting = engine::fit_memory(
        memory_, options_, size, classes_, limit_ - besides_
    );
    if (!told_) tell(size, fitting);
    return engine::make_inference(network_, fitting)(images);
  }

 private:
  void tell(model::ImageSize size, const engine::InferenceOptions& fitting) {
    told_ = true;
    const auto needed = [&](const engine::InferenceOptions& options) {
      return gib_text(
          besides_ + engine::estimate_memory(memory_, options, size, classes_)
      );
    };
    std::cerr << "memory: " << size_text(size) << " needs about "
              << needed(options_) << " GiB as asked for";
    if (fitting.window && !options_.window) {
      std::cerr << ", in pieces of " << size_text(*fitting.window) << ' '
                << needed(fitting);
    }
    std::cerr << '\n';
  }

  model::Segmenter network_;
  engine::InferenceOptions options_;
  double limit_;
  int64_t classes_ = 0;
  engine::MemoryModel memory_;
  double besides_ = 0;
  bool told_ = false;
};

}  // namespace

engine::PostProcess crf_of(
    const EvaluateConfig& config, const data::DataConfig& data
) {
  if (!config.crf) return {};
  return [options = config.crf->options(),
          mean = data.mean,
          deviation =
              data.std](const Sample& sample, const torch::Tensor& logits) {
    const auto image = crf::raw_image(sample.image, mean, deviation);
    return crf::post_process(logits.unsqueeze(0), image.unsqueeze(0), options)
        .squeeze(0);
  };
}

engine::EvaluateOptions evaluate_options(
    const RunConfig& config, const data::Dataset& dataset
) {
  engine::EvaluateOptions options;
  options.counted.num_classes = dataset.classes().size();
  options.counted.trimap_widths = config.evaluate.trimap;
  options.post_process = crf_of(config.evaluate, config.data);
  return options;
}

std::optional<double> memory_limit(const Flags& flags) {
  if (!flags.has("memory-limit")) return std::nullopt;
  const double gib = flags.number("memory-limit");
  if (gib > 0) return gib * kGib;
  throw ConfigError(
      str("--memory-limit is ", flags.text("memory-limit"), "; must be above 0")
  );
}

model::Segmenter inference_of(
    const model::Segmenter& network,
    const EvaluateConfig& config,
    std::optional<double> memory_limit
) {
  const auto options = config.inference();
  if (!memory_limit) return engine::make_inference(network, options);
  const auto limited =
      std::make_shared<LimitedInference>(network, options, *memory_limit);
  return [limited](const torch::Tensor& images) { return (*limited)(images); };
}

}  // namespace deeplab::apps
