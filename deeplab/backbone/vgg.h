// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/backbone/backbone.h"

namespace deeplab::backbone {

/// VGG-16 up to its last pool, without and with batch norms. Unset options:
/// pools of 2 that round up and are dilated where they lose their stride.
/// DeepLabV1's are pools of 3 that round up, not dilated, with pool5a. The map
/// of a level is its pool's output, so that FCN's pool3 and pool4 are k8 and
/// k16.
/// Throws: ConfigError naming the option.
/// Source: Simonyan and Zisserman 2014, arXiv:1409.1556, table 1, column D;
///         Chen et al. 2014, arXiv:1412.7062, section 3.
/// Differs: torchvision's pools round down (`ceil_mode` false gives that), so
///          that an image below 32 pixels has no features there.
Recipe prepare_vgg16(const BackboneOptions& options);
Recipe prepare_vgg16_bn(const BackboneOptions& options);

}  // namespace deeplab::backbone
