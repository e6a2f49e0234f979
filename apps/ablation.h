// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <torch/types.h>

#include "apps/grid.h"
#include "apps/results.h"

namespace deeplab::apps {

/// One ablation's folder: trainings/ID/, counts/ID.json, masks/ID/, pictures/,
/// results.jsonl, and the report's files.
class Ablation {
 public:
  /// `pictured`: images that the report shows.
  Ablation(
      Grid grid, std::string folder, torch::Device device, int64_t pictured
  );

  const Grid& grid() const noexcept { return grid_; }
  /// Throws: what would stop a training that is still to be done.
  void check() const;
  /// The cells still to be done, with the time that they will take, measured
  /// by a few steps and images of each kind.
  std::string plan() const;
  /// The trainings that have cells still to be done.
  std::vector<std::string> open_trainings() const;
  /// Trains and scores what is not done; of one training only, unless it is
  /// "". A cell that fails is recorded, and the others go on.
  /// Returns false where a signal stopped it.
  bool run(const std::string& training);
  /// Records for the cells of a training that have no result yet.
  void record_failure(const std::string& training, const std::string& message);
  /// How many cells failed when they were last tried.
  int64_t count_failed() const;
  /// Reads anew what other processes found, writes report.html, table.md,
  /// table.tex and results.csv, and returns the table for people.
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
