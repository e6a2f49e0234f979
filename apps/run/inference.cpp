// SPDX-License-Identifier: Apache-2.0
#include "apps/run/inference.h"

#include <iostream>
#include <memory>

#include <fmt/core.h>
#include <torch/types.h>

#include "apps/machine/platform.h"
#include "deeplab/core/error.h"
#include "deeplab/crf/post_process.h"
#include "deeplab/engine/inference.h"

namespace deeplab::apps {
namespace {

constexpr double kGib = 1 << 30;

std::string size_text(const ImageSize& size) {
  return fmt::format("{}x{}", size.height, size.width);
}

std::string gib_text(double bytes) {
  return fmt::format("{:.2f}", bytes / kGib);
}

/// Runs a network on pieces of each image that are small enough for the
/// process to stay within its memory limit.
class LimitedInference {
 public:
  LimitedInference(
      Segmenter network, const engine::InferenceOptions& options, double limit
  )
      : network_(std::move(network)), options_(options), limit_(limit) {
    return_freed_memory();
    const auto scores = network_(torch::zeros({1, 3, 129, 129}));
    classes_ = scores.size(1);
    memory_ = engine::measure_memory(network_);
    // Memory of the process before it holds any image.
    besides_ = static_cast<double>(resident_bytes());
    if (besides_ < limit_) return;
    throw ConfigError(fmt::format(
        "--memory-limit is {} GiB; the program and the network alone take {} GiB",
        gib_text(limit_), gib_text(besides_)
    ));
  }

  torch::Tensor operator()(const torch::Tensor& images) {
    const ImageSize size{images.size(2), images.size(3)};
    auto options = options_;
    if (!options.window) options.batch_size = images.size(0);
    const auto fitting =
        engine::fit_memory(memory_, options, size, classes_, limit_ - besides_);
    if (!has_reported_) report(size, options, fitting);
    return engine::make_inference(network_, fitting)(images);
  }

 private:
  void report(
      ImageSize size,
      const engine::InferenceOptions& options,
      const engine::InferenceOptions& fitting
  ) {
    has_reported_ = true;
    const auto needed = [&](const engine::InferenceOptions& used) {
      return gib_text(
          besides_ + engine::estimate_memory(memory_, used, size, classes_)
      );
    };
    const int64_t together = options.batch_size;
    std::cerr
        << (together == 1
                ? "memory: an image"
                : fmt::format("memory: a batch of {} images", together));
    std::cerr << fmt::format(
        " of {} needs about {} GiB", size_text(size), needed(options)
    );
    if (fitting.window && !options.window) {
      std::cerr << fmt::format(
          ", and {} GiB in pieces of {}", needed(fitting),
          size_text(*fitting.window)
      );
    }
    std::cerr << '\n';
  }

  Segmenter network_;
  engine::InferenceOptions options_;
  double limit_;
  int64_t classes_ = 0;
  engine::MemoryModel memory_;
  double besides_ = 0;
  bool has_reported_ = false;
};

}  // namespace

engine::PostProcess crf_of(const EvaluateConfig& config) {
  if (!config.crf) return {};
  return [options = config.crf->options()](
             const Sample& sample, const torch::Tensor& logits
         ) { return crf::refine(logits, sample.pixels, options); };
}

engine::EvaluateOptions evaluate_options(
    const RunConfig& config, const data::Dataset& dataset
) {
  engine::EvaluateOptions options;
  options.counted.num_classes = dataset.classes().size();
  options.counted.trimap_widths = config.evaluate.trimap;
  options.batch_size = config.evaluate.batch_size;
  options.post_process = crf_of(config.evaluate);
  return options;
}

std::string network_text(double share) {
  return fmt::format("network {:.0f} %", 100 * share);
}

Segmenter inference_of(
    const Segmenter& network,
    const RunConfig& config,
    std::optional<double> memory_limit
) {
  const auto options = config.inference();
  if (!memory_limit) return engine::make_inference(network, options);
  const auto limited =
      std::make_shared<LimitedInference>(network, options, *memory_limit);
  return [limited](const torch::Tensor& images) { return (*limited)(images); };
}

}  // namespace deeplab::apps
