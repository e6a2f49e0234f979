// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "apps/config/run_config.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/model/deeplab.h"

namespace deeplab::apps {

/// Moves a network to `device`, sets the output stride at which the config
/// evaluates it, and compiles it in the precision of `config.evaluate`. The
/// segmenter takes images on any device.
/// Throws: ConfigError if the device lacks the precision.
Segmenter compiled(
    model::DeepLab network, const RunConfig& config, torch::Device device
);

}  // namespace deeplab::apps
