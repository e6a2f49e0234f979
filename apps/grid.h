// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apps/run_config.h"

namespace deeplab::apps {

/// One combination of an ablation's values: one line of results.
struct Cell {
  /// Config keys and what they are set to, in the grid's order.
  std::vector<std::pair<std::string, Json>> values;
  /// Of the grid's row; empty without.
  std::string name;
  /// What a paper reports for the row, e.g. {"mean_iou": 78.85}; may be null.
  Json paper;
  RunConfig config;
  /// Names the cell: equal for equal configs, whatever grid they stand in.
  std::string id;
  /// Names its training; cells that differ only under `evaluate` share it.
  std::string training_id;
  /// Names its data set and normalisation.
  std::string data_id;
};

/// What a grid file describes.
struct Grid {
  std::string title;
  /// Where the rows' paper values come from, and on which data; may be empty.
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
/// Its cells are every row with every combination of the axes, less those of
/// which all values of an exclusion hold. `base` may also be the name of a
/// config file beside the grid, or a list of both, each changing the ones
/// before it; `crf` as a key stands for `evaluate.crf`. Each
/// cell is read strictly and checked, so that a wrong value in the last is
/// found before the first step of training.
/// Throws: ConfigError naming file and key; DataError for a file that cannot
///         be read.
Grid read_grid(const std::string& path);

/// The part of a config that a training depends on: all but `evaluate`, and
/// not how many workers load.
RunConfig training_config(const RunConfig& config);

/// Short and safe as a folder's name; equal for equal texts.
std::string hash_text(const std::string& text);

}  // namespace deeplab::apps
