// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "apps/run_config.h"

namespace deeplab::apps {

/// One combination of an ablation's axes.
struct Cell {
  /// The value of each axis, in the grid's order.
  std::vector<std::pair<std::string, Json>> values;
  RunConfig config;
  /// Names the cell: equal for equal configs, whatever grid they stand in.
  std::string id;
  /// Names its training; cells that differ only under `evaluate` share it.
  std::string training_id;
  /// Names its data set and normalisation.
  std::string data_id;
};

/// Every combination of the axes of a grid file:
///   {"base": {..run config..}, "axes": {"model.decoder": ["none", "v3plus"]}}
/// where base may also be the name of a config file beside the grid.
/// Each is read strictly and checked, so that a wrong value in the last cell
/// is found before the first step of training.
/// Throws: ConfigError naming file and key; DataError for a file that cannot
///         be read.
std::vector<Cell> expand_grid(const std::string& path);

/// The part of a config that a training depends on: all but `evaluate`, and
/// not how many workers load.
RunConfig training_config(const RunConfig& config);

}  // namespace deeplab::apps
