// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/backbone/backbone.h"

namespace deeplab::backbone {

/// Residual networks. Unset options give torchvision's geometry: a 7x7 stem,
/// the stride on the 3x3 convolution of a stage's first unit, and low-level
/// features after the ReLU of a stage's last unit.
/// Throws: ConfigError naming the option.
/// Source: He et al. 2016, arXiv:1512.03385, table 1; cascaded blocks and
///         multi-grid: Chen et al. 2017, arXiv:1706.05587, section 3.2.
Recipe prepare_resnet18(const BackboneOptions& options);
Recipe prepare_resnet34(const BackboneOptions& options);
Recipe prepare_resnet50(const BackboneOptions& options);
Recipe prepare_resnet101(const BackboneOptions& options);
Recipe prepare_resnet152(const BackboneOptions& options);

}  // namespace deeplab::backbone
