// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/backbone/backbone.h"

namespace deeplab::backbone {

/// MobileNetV2 without its last 1x1 convolution, as DeepLab uses it. The map of
/// a level is the output of the level's last block (k4: 24 channels,
/// features.3). `width` scales all channels and rounds them to multiples of 8.
/// Names and geometry are torchvision's.
/// Throws: ConfigError naming the option.
/// Source: Sandler et al. 2018, arXiv:1801.04381, table 2.
Recipe prepare_mobilenet_v2(const BackboneOptions& options);

}  // namespace deeplab::backbone
