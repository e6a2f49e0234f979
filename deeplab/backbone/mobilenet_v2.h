// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "deeplab/backbone/backbone.h"

namespace deeplab::backbone {

/// MobileNetV2 without its last 1x1 convolution, as DeepLab uses it. Low-level
/// features are the 24 channels at stride 4 (features.3).
/// Source: Sandler et al. 2018, arXiv:1801.04381, table 2; torchvision's
/// names and geometry.
std::shared_ptr<BackboneImpl> make_mobilenet_v2();

}  // namespace deeplab::backbone
