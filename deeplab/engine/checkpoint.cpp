// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/checkpoint.h"

#include <fmt/core.h>
#include <torch/utils.h>

#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/weights/read_weights.h"
#include "deeplab/weights/safetensors.h"

namespace deeplab::engine {
namespace {

constexpr const char* kFormat = weights::kCheckpointMark;
constexpr const char* kFormatVersion = "1";
const std::string kNetwork = weights::kCheckpointNetwork;
const std::string kAverages = weights::kCheckpointAverages;
const std::string kVelocity = "velocity.";
const std::string kSquare = "square.";

}  // namespace

void restore_state(
    const weights::StateDict& into,
    const weights::StateDict& from,
    const char* what
) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : into) {
    const auto* found = from.find(item.key());
    if (found == nullptr || found->sizes() != item.value().sizes()) {
      throw DataError(fmt::format(
          "the checkpoint's {} of {}{}; resume with the config of the run that wrote it",
          what, item.key(),
          found == nullptr ? " is missing" : " has another shape"
      ));
    }
    auto target = item.value();
    target.copy_(*found);
  }
}

void save_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  weights::TensorFile file;
  const auto add = [&](const std::string& prefix,
                       const weights::StateDict& tensors) {
    for (const auto& item : tensors) {
      file.tensors.insert(prefix + item.key(), item.value());
    }
  };
  add(kNetwork, checkpoint.network);
  add(kAverages, checkpoint.averages);
  add(kVelocity, checkpoint.velocities);
  add(kSquare, checkpoint.squares);
  const Json progress{
      {"iteration", checkpoint.iteration},
      {"best_mean_iou", checkpoint.best_mean_iou},
      {"best_iteration", checkpoint.best_iteration},
      {"awaits_validation", checkpoint.awaits_validation},
      {"updates", checkpoint.updates},
      {"loss_scale", checkpoint.loss_scale},
      {"steps_at_scale", checkpoint.steps_at_scale}};
  file.metadata = {
      {kFormat, kFormatVersion},
      {"config", checkpoint.config},
      {"progress", progress.dump()}};
  weights::write_safetensors(path, file);
}

Checkpoint load_checkpoint(const std::string& path) {
  const auto file =
      weights::parse_safetensors(SharedBytes::map_file(path), path);
  const auto format = file.metadata.find(kFormat);
  if (format == file.metadata.end()) {
    throw DataError(fmt::format(
        "{}: not a checkpoint of this program; load a file of weights with a config and --init-from",
        path
    ));
  }
  if (format->second != kFormatVersion) {
    throw DataError(fmt::format(
        "{}: checkpoint format {}; this version reads {}", path, format->second,
        kFormatVersion
    ));
  }
  Checkpoint checkpoint;
  try {
    checkpoint.config = file.metadata.at("config");
    const auto progress = Json::parse(file.metadata.at("progress"));
    progress.at("iteration").get_to(checkpoint.iteration);
    progress.at("best_mean_iou").get_to(checkpoint.best_mean_iou);
    progress.at("best_iteration").get_to(checkpoint.best_iteration);
    // Files of earlier versions lack these.
    checkpoint.awaits_validation = progress.value("awaits_validation", false);
    checkpoint.updates = progress.value("updates", checkpoint.iteration);
    checkpoint.loss_scale = progress.value("loss_scale", 0.0);
    checkpoint.steps_at_scale = progress.value("steps_at_scale", int64_t{0});
  } catch (const std::exception& error) {
    throw DataError(
        fmt::format("{}: damaged checkpoint: {}", path, error.what())
    );
  }
  checkpoint.network = weights::with_prefix(file.tensors, kNetwork);
  checkpoint.averages = weights::with_prefix(file.tensors, kAverages);
  checkpoint.velocities = weights::with_prefix(file.tensors, kVelocity);
  checkpoint.squares = weights::with_prefix(file.tensors, kSquare);
  return checkpoint;
}

}  // namespace deeplab::engine
