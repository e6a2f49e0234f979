// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>

#include "deeplab/backbone/backbone.h"

namespace deeplab::backbone {

/// Which ResNet: units in each of the four stages, and their form.
struct ResNetOptions {
  std::array<int64_t, 4> units;
  /// Three convolutions 1x1, 3x3, 1x1 with four times the width (50 and up),
  /// or two 3x3.
  bool bottleneck;
};

/// Residual networks with torchvision's geometry (stride on the 3x3 of a
/// stage's first unit). Low-level features are layer1's output.
/// Source: He et al. 2016, arXiv:1512.03385, table 1.
std::shared_ptr<BackboneImpl> make_resnet(const ResNetOptions& options);

std::shared_ptr<BackboneImpl> make_resnet18();
std::shared_ptr<BackboneImpl> make_resnet34();
std::shared_ptr<BackboneImpl> make_resnet50();
std::shared_ptr<BackboneImpl> make_resnet101();

}  // namespace deeplab::backbone
