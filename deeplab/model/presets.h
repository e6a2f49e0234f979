// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "deeplab/core/output_stride.h"
#include "deeplab/model/deeplab_config.h"

namespace deeplab::model {

/// A network from a paper, or the settings for another project's weight files:
/// the config, the output stride of its training, and the normalization of its
/// images ((rgb - mean) / deviation, with rgb in 0..1).
struct Preset {
  std::string name;
  /// One line with what the preset is and its source.
  std::string about;
  DeepLabConfig config;
  OutputStride output_stride;
  std::vector<double> mean;
  std::vector<double> deviation;
};

/// Returns a preset by name.
/// Throws: ConfigError that lists the known names.
Preset preset(const std::string& name);

/// Returns all names in the order of the table in presets.cpp.
std::vector<std::string> preset_names();

}  // namespace deeplab::model
