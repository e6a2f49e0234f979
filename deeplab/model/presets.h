// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "deeplab/core/output_stride.h"
#include "deeplab/model/deeplab_config.h"

namespace deeplab::model {

/// A network of a paper, or the profile of another project's weight files:
/// config, the stride that it is trained at, and how its images are normalised
/// ((rgb - mean) / deviation, with rgb in 0..1).
struct Preset {
  std::string name;
  /// One line: what it is, and its source.
  std::string about;
  DeepLabConfig config;
  OutputStride output_stride;
  std::vector<double> mean;
  std::vector<double> deviation;
};

/// Throws: ConfigError that lists the known names.
Preset preset(const std::string& name);

/// In the order of the table in presets.cpp.
std::vector<std::string> preset_names();

}  // namespace deeplab::model
