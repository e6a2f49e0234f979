// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "apps/config/run_config.h"
#include "apps/config/run_files.h"
#include "deeplab/engine/process_group.h"

namespace deeplab::apps {

/// Everything that a training needs besides its config.
struct TrainingOptions {
  /// Folder for the run's files.
  std::string folder;
  torch::Device device = torch::kCPU;
  /// Whether to resume from the last checkpoint in the folder, if there is one.
  bool resume = false;
  /// The processes that train together, all with the same folder; null for a
  /// single process.
  std::shared_ptr<engine::ProcessGroup> processes;
};

/// Opens everything that a training would open, without training.
/// Throws: the errors that run_training() would throw before its first step.
void check_training(RunConfig config);

/// Returns the seconds that one training step takes on this machine, averaged
/// over a few steps.
double measure_step(RunConfig config, torch::Device device);

/// Trains to the end, or until SIGINT or SIGTERM. Returns true if the training
/// reached its end. Writes `config`, with the classes of the data set, to the
/// run's folder.
/// Throws: the errors of the data set, the network and the trainer; ConfigError
///         if the folder holds a run and `resume` is false.
bool run_training(const RunConfig& config, const TrainingOptions& options);

}  // namespace deeplab::apps
