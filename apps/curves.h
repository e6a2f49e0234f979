// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "deeplab/core/config_io.h"

namespace deeplab::apps {

/// Values at iterations, in the order of the file.
struct CurvePoint {
  int64_t iteration;
  double value;
};
using Curve = std::vector<CurvePoint>;

/// What the files of one training tell of its course. Values that are not
/// finite are left out.
struct RunCurves {
  /// For legends.
  std::string name;
  Curve loss;
  Curve learning_rate;
  Curve mean_iou;
  Curve pixel_accuracy;
  /// {"iteration", "validation": {...}}; null: none.
  Json last_validation;
  /// Null where the folder has none.
  Json config;
};

/// Reads metrics.jsonl and config.json of each folder. Where the names of the
/// folders tell them apart, the runs are named so, else by their paths. A last
/// line that a killed run left unfinished is passed over.
/// Throws: DataError for a folder or file that is not there, and naming file
///         and line for one that is damaged.
std::vector<RunCurves> read_runs(const std::vector<std::string>& folders);

/// The mean of each value and those before it, of which each counts `keep`
/// times as much as the next one; `keep` in [0, 1).
Curve smoothed(const Curve& curve, double keep);

/// At most `most` points (>= 4), with the lowest and highest of each stretch.
Curve thinned(const Curve& curve, size_t most);

/// The color of a run in pages and pictures, RGB.
std::array<uint8_t, 3> run_color(size_t index);

/// A key at which configs differ, and its value in each run; "-": not known.
struct DifferingKey {
  std::string key;
  std::vector<std::string> values;
};

/// Lists are compared as wholes.
std::vector<DifferingKey> differing_settings(const std::vector<RunCurves>& runs
);

}  // namespace deeplab::apps
