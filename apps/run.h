// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "apps/run_config.h"
#include "deeplab/engine/process_group.h"

namespace deeplab::apps {

/// The files of one training in its folder.
struct RunFiles {
  explicit RunFiles(const std::string& folder)
      : config(folder + "/config.json"),
        metrics(folder + "/metrics.jsonl"),
        run(folder + "/run.json"),
        tensorboard(folder + "/tensorboard"),
        last(folder + "/last.safetensors"),
        best(folder + "/best.safetensors") {}

  std::string config;
  std::string metrics;
  /// Where, when and by what it was run, an item each time.
  std::string run;
  /// Folder of event files.
  std::string tensorboard;
  std::string last;
  std::string best;
};

/// What trains, beside the config.
struct TrainingOptions {
  /// Folder of the run's files.
  std::string folder;
  torch::Device device = torch::kCPU;
  /// Go on from the folder's last checkpoint, where there is one.
  bool resume = false;
  /// Those that train together, each with the same folder; empty: one alone.
  std::shared_ptr<engine::ProcessGroup> processes;
};

/// Opens what a training would open, and trains nothing.
/// Throws: what run_training() would before its first step.
void check_training(RunConfig config);

/// Seconds that one step of the training takes here, measured over a few.
double measure_step(RunConfig config, torch::Device device);

/// Trains to the end, or until SIGINT or SIGTERM; returns whether it reached
/// the end. `config` is written, with the classes that the data has, beside
/// the results.
/// Throws: what the parts throw; ConfigError where the folder holds a run and
///         resume is not asked for.
bool run_training(RunConfig config, const TrainingOptions& options);

}  // namespace deeplab::apps
