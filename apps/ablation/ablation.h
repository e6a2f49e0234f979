// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <torch/types.h>

#include "apps/config/grid.h"
#include "apps/report/results.h"

namespace deeplab::apps {

/// Runs the cells of a grid. Its folder contains trainings/ID/, counts/ID.json,
/// masks/ID/, pictures/, results.jsonl, and the report's files.
class Ablation {
 public:
  /// `pictured` is the number of images that the report shows.
  Ablation(
      Grid grid, std::string folder, torch::Device device, int64_t pictured
  );

  const Grid& grid() const noexcept { return grid_; }
  /// Throws: ConfigError if no cell has this training.
  void require_training(const std::string& training) const;
  /// Throws: the error that would stop one of the remaining trainings before
  ///         its first step.
  void check() const;
  /// Returns the list of cells as text. Cells that are not done have an
  /// estimate of their time, which is measured on a few steps and images.
  std::string plan() const;
  /// Returns the IDs of the trainings that have cells without a result.
  std::vector<std::string> open_trainings() const;
  /// Trains and scores every cell that is not done; only the cells of one
  /// training unless `training` is empty. If a cell fails, the error is
  /// recorded and the remaining cells still run. Returns false if a signal
  /// stopped it.
  bool run(const std::string& training);
  /// Records the error message for the cells of a training that have no result
  /// yet.
  void record_failure(const std::string& training, const std::string& message);
  /// Returns the number of cells without a result, including those that failed.
  int64_t count_failed() const;
  /// Reads results.jsonl again, because other processes may have added to it,
  /// writes report.html, table.md, table.tex and results.csv, and returns the
  /// table in Markdown.
  std::string write_report();

 private:
  std::string training_folder(const Cell& cell) const;
  std::string mask_folder(const Cell& cell) const;
  std::string counts_folder() const { return folder_ + "/counts"; }
  bool train(const Cell& cell);
  void score(const Cell& cell);
  void append(const Cell& cell, const Json& line);

  Grid grid_;
  std::string folder_;
  torch::Device device_;
  int64_t pictured_;
  ResultsLog log_;
};

}  // namespace deeplab::apps
