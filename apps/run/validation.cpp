// SPDX-License-Identifier: Apache-2.0
#include "apps/run/validation.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include "apps/machine/launcher.h"
#include "apps/machine/progress.h"
#include "apps/report/evaluation_text.h"
#include "apps/run/compiled.h"
#include "apps/run/inference.h"
#include "data/loader.h"
#include "deeplab/core/error.h"
#include "deeplab/engine/evaluator.h"

namespace deeplab::apps {
namespace {

bool is_about_memory(const std::string& message) {
  const std::array words{
      "out of memory", "can't allocate memory", "ALLOC_FAILED"};
  return std::any_of(words.begin(), words.end(), [&](const char* word) {
    return message.find(word) != std::string::npos;
  });
}

/// Thrown between two images to end a validation.
struct Stopped {};

/// Returns the config's way of inference without scales and mirrored images.
engine::InferenceOptions pieces_of(const RunConfig& config) {
  auto pieces = config.inference();
  pieces.scales = {1};
  pieces.flip = false;
  return pieces;
}

}  // namespace

Validation::Validation(
    const RunConfig& config,
    std::shared_ptr<const data::Dataset> dataset,
    const TrainingOptions& options
)
    : config_(config), dataset_(std::move(dataset)), options_(options) {}

std::optional<double> Validation::run(
    model::DeepLab network,
    int64_t iteration,
    RunLog* log,
    const std::function<bool()>& should_stop
) const {
  const auto between_images = [&] {
    // Other processes would wait for this one's counts.
    if (!options_.processes && should_stop()) throw Stopped();
  };
  try {
    return score(std::move(network), iteration, log, between_images);
  } catch (const Stopped&) {
    return std::nullopt;
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    if (!is_about_memory(message)) throw;
    const bool is_whole = config_.evaluate.window.empty();
    throw Error(fmt::format(
        "validation: {} needs more memory than is available; continue with --resume --set evaluate.window=[HEIGHT,WIDTH], which cuts images into {}pieces, e.g. of the crop's size ({})",
        is_whole ? "a whole image" : "a piece", is_whole ? "" : "smaller ",
        message.substr(0, message.find('\n'))
    ));
  }
}

double Validation::score(
    model::DeepLab network,
    int64_t iteration,
    RunLog* log,
    const std::function<void()>& between_images
) const {
  const auto segmenter = engine::make_inference(
      compiled(network, config_, options_.device), pieces_of(config_)
  );
  const auto& classes = dataset_->classes();
  const auto share = share_of(options_.processes);
  engine::EvaluateOptions options;
  options.counted.num_classes = classes.size();
  options.counted.details = false;
  options.batch_size = config_.evaluate.batch_size;
  std::optional<Progress> progress;
  if (log != nullptr) {
    log->clear_progress();
    progress.emplace(
        "validate", share.size(dataset_->size()), 0, Progress::End::kVanishes
    );
  }
  options.on_image = [&](int64_t done, double network_share) {
    if (progress) progress->update(done, network_text(network_share));
    between_images();
  };
  int64_t index = 0;
  options.on_prediction = [&](const Sample&, const torch::Tensor& prediction) {
    const int64_t place = share.whole_index(index++);
    if (log == nullptr || index > config_.log.images) return;
    log->picture(
        iteration, dataset_->id(place), dataset_->load(place), prediction,
        classes
    );
  };
  auto counted =
      engine::evaluate(
          segmenter,
          share.of(make_sample_source(dataset_, config_.normalization())),
          options
      )
          .network;
  progress.reset();
  merge_processes(counted, options_.processes);
  const auto scores = counted.scores();
  if (log == nullptr) return scores.mean_iou;
  log->validation(iteration, scores, classes);
  log->histograms(iteration, *network);
  const auto warning = counts_warning(counted.confusion(), classes.names);
  if (!warning.empty()) log->say(warning);
  return scores.mean_iou;
}

}  // namespace deeplab::apps
