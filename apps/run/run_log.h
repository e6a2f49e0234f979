// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <memory>
#include <string>

#include <torch/nn/module.h>

#include "apps/config/run_config.h"
#include "apps/config/run_files.h"
#include "apps/machine/progress.h"
#include "apps/run/event_file.h"
#include "data/dataset/dataset.h"
#include "deeplab/engine/trainer.h"
#include "deeplab/metrics/metrics.h"

namespace deeplab::apps {

/// The position at which a log starts, or continues after an interruption.
struct LogStart {
  /// Number of finished iterations.
  int64_t iteration = 0;
  /// Whether the validation of the last finished iteration is still to be done.
  bool awaits_validation = false;
};

/// Writes metrics.jsonl, with one line per iteration and per validation.
class MetricsLog {
 public:
  /// Keeps the lines of an earlier run up to `start` and removes later ones,
  /// because the resumed run repeats their iterations.
  /// Throws: DataError if the file cannot be written; so does write().
  MetricsLog(const std::string& path, const LogStart& start);
  void write(const Json& line);

 private:
  std::string path_;
  std::ofstream stream_;
};

/// Writes the records of a training: metrics.jsonl, TensorBoard's event files,
/// run.json, and the progress on stderr.
class RunLog {
 public:
  RunLog(
      const RunFiles& files,
      const RunConfig& config,
      const LogStart& start,
      const Json& start_record
  );

  void step(const engine::StepReport& report);
  /// Flushes the event file. Called before a checkpoint is saved, so that the
  /// log on disk is never behind the checkpoint.
  void flush();
  void validation(
      int64_t iteration, const metrics::Scores& scores, const Classes& classes
  );
  /// Writes a photo, its ground truth and the prediction, side by side, to
  /// TensorBoard.
  void picture(
      int64_t iteration,
      const std::string& name,
      const data::RawSample& sample,
      const torch::Tensor& prediction,
      const Classes& classes
  );
  /// Writes a histogram of every parameter to TensorBoard if log.histograms is
  /// true.
  void histograms(int64_t iteration, const torch::nn::Module& network);
  void say(const std::string& line) { progress_.say(line); }
  void clear_progress() { progress_.clear(); }

 private:
  LogConfig config_;
  MetricsLog metrics_;
  std::unique_ptr<EventFile> events_;
  Progress progress_;
  /// Seconds that this process has spent in all steps, and the part of them in
  /// which it waited for data.
  double seconds_ = 0;
  double waited_ = 0;
};

/// Returns an item of run.json: when, where and with which versions a training
/// was started.
Json start_record(int64_t iteration, int64_t processes, torch::Device device);

}  // namespace deeplab::apps
