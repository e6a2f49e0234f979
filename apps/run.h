// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "apps/run_config.h"
#include "deeplab/model/segmenter.h"

namespace deeplab::apps {

/// The files of one training in its folder.
struct RunFiles {
  explicit RunFiles(const std::string& folder)
      : config(folder + "/config.json"),
        metrics(folder + "/metrics.jsonl"),
        last(folder + "/last.safetensors"),
        best(folder + "/best.safetensors") {}

  std::string config;
  std::string metrics;
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
