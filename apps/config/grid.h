// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apps/config/run_config.h"

namespace deeplab::apps {

/// One combination of an ablation's values, which gives one line of results.
struct Cell {
  /// Config keys and their values, in the grid's order.
  std::vector<std::pair<std::string, Json>> values;
  /// Name of the grid's row; empty if the grid has no rows.
  std::string name;
  /// The paper's values for this row, e.g. {"mean_iou": 78.85}; may be null.
  Json paper;
  RunConfig config;
  /// Identifies the cell: equal for equal configs, even in different grids.
  std::string id;
  /// Identifies the training; cells that differ only in `evaluate` share one.
  std::string training_id;
  /// Identifies the data set and the normalisation.
  std::string data_id;
};

/// The contents of a grid file.
struct Grid {
  std::string title;
  /// The source of the rows' paper values, and the data set that they were
  /// measured on; may be empty.
  std::string paper;
  std::vector<Cell> cells;
};

/// Reads a grid file:
///   {"title": "...",
///    "base": {..run config..},
///    "axes": {"train.seed": [0, 1], "model.decoder": ["none", "v3plus"]},
///    "rows": [{"name": "...", "set": {"train.output_stride": 16},
///              "paper": {"mean_iou": 77.21, "multiply_adds": 81.02}}],
///    "exclude": [{"model.decoder": "none", "evaluate.output_stride": 8}],
///    "paper": "Chen et al. 2018, table 3, on Pascal VOC 2012 val"}
/// The cells are all rows combined with all combinations of the axes, without
/// the cells that have all values of an exclusion. `base` may also be the name
/// of a config file in the grid's folder, or a list of names and objects, each
/// of which changes the ones before it. The key `crf` is short for
/// `evaluate.crf`. Every cell is checked here, so that a wrong value in the
/// last cell is found before the first training step.
/// Throws: ConfigError naming the file and the key; DataError if a file cannot
///         be read.
Grid read_grid(const std::string& path);

/// Returns the part of a config that the result of a training depends on:
/// everything except `evaluate` and the loader's workers and prefetching.
RunConfig training_config(const RunConfig& config);

/// Returns a hash of the text in 16 hexadecimal digits, which can be used as a
/// folder's name.
std::string hash_text(const std::string& text);

}  // namespace deeplab::apps
