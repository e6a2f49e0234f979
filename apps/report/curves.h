// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "deeplab/core/config_io.h"

namespace deeplab::apps {

/// A value at an iteration. A Curve is in the order of the file.
struct CurvePoint {
  int64_t iteration;
  double value;
};
using Curve = std::vector<CurvePoint>;

/// Curves of one training run, read from its files. Values that are not finite
/// are left out.
struct RunCurves {
  /// Name of the run in legends.
  std::string name;
  Curve loss;
  Curve learning_rate;
  Curve mean_iou;
  Curve pixel_accuracy;
  /// Last validation as {"iteration", "validation": {...}}; null if there is
  /// none.
  Json last_validation;
  /// Config of the run; null if the folder has none.
  Json config;
};

/// Reads metrics.jsonl and config.json of each folder. Runs are named after
/// their folders, or by their paths if folder names repeat. An incomplete last
/// line, left by a killed run, is ignored.
/// Throws: DataError for a folder or file that does not exist; DataError naming
///         file and line for a damaged one.
std::vector<RunCurves> read_runs(const std::vector<std::string>& folders);

/// Returns the exponential moving average of a curve with decay `keep` in [0,
/// 1), with bias correction at the start: the weight of each value is `keep`
/// times the weight of the next one.
Curve smoothed(const Curve& curve, double keep);

/// Reduces a curve to at most `most` points (>= 4): the lowest and highest
/// value of each section, and both ends.
Curve thinned(const Curve& curve, size_t most);

/// Returns the RGB color of a run in pages and pictures.
std::array<uint8_t, 3> run_color(size_t index);

/// A config key in which runs differ, with its value in each run; "-" if
/// unknown.
struct DifferingKey {
  std::string key;
  std::vector<std::string> values;
};

/// Returns the keys in which the runs' configs differ. Lists are compared as a
/// whole.
std::vector<DifferingKey> differing_settings(const std::vector<RunCurves>& runs
);

}  // namespace deeplab::apps
