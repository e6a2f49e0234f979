// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <memory>
#include <string>

#include <torch/nn/module.h>

#include "apps/event_file.h"
#include "apps/progress.h"
#include "apps/run_config.h"
#include "data/dataset.h"
#include "deeplab/engine/metrics.h"
#include "deeplab/engine/trainer.h"

namespace deeplab::apps {

struct RunFiles;

/// Where a log begins, or goes on.
struct LogStart {
  /// Iterations done.
  int64_t iteration = 0;
  /// The last one's validation is yet to come.
  bool awaits_validation = false;
};

/// metrics.jsonl: a line for each iteration and each validation.
class MetricsLog {
 public:
  /// Keeps the lines that a checkpoint knows of: what a killed run wrote after
  /// it happens again.
  /// Throws: DataError where it cannot be written; so does write().
  MetricsLog(const std::string& path, const LogStart& start);
  void write(const Json& line);

 private:
  std::string path_;
  std::ofstream stream_;
};

/// What a training tells: metrics.jsonl, TensorBoard's files, run.json, and the
/// progress on stderr.
class RunLog {
 public:
  RunLog(
      const RunFiles& files,
      const RunConfig& config,
      const LogStart& start,
      const Json& sitting
  );

  void step(const engine::StepReport& report);
  /// Before a checkpoint: what it knows of is on disk.
  void flush();
  void validation(
      int64_t iteration,
      const engine::Scores& scores,
      const data::Classes& classes
  );
  /// Photo, truth and prediction, side by side, for TensorBoard.
  void picture(
      int64_t iteration,
      const std::string& name,
      const data::RawSample& sample,
      const torch::Tensor& prediction,
      const data::Classes& classes
  );
  /// Of each parameter, for TensorBoard, where log.histograms asks for them.
  void histograms(int64_t iteration, const torch::nn::Module& network);
  void say(const std::string& line) { progress_.say(line); }

 private:
  LogConfig config_;
  MetricsLog metrics_;
  std::unique_ptr<EventFile> events_;
  Progress progress_;
  /// Of this process: seconds of all steps, and those spent waiting for data.
  double seconds_ = 0;
  double waited_ = 0;
};

/// Where, when and by what a training is run, for run.json.
Json sitting_json(int64_t iteration, int64_t processes, torch::Device device);

}  // namespace deeplab::apps
