// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/backbone/backbone.h"

namespace deeplab::backbone {

/// VGG-16 up to its last pool, without and with batch norms. Unset options give
/// pools of 2 that round up and that are dilated if their stride is removed.
/// DeepLabV1 uses pools of 3 that round up and are not dilated, and pool5a. The
/// map of a level is the output of its pool, so FCN's pool3 and pool4 are k8
/// and k16.
/// Throws: ConfigError naming the option.
/// Source: Simonyan and Zisserman 2014, arXiv:1409.1556, table 1, column D;
///         Chen et al. 2014, arXiv:1412.7062, section 3.
/// Differs: torchvision's pools round down, so that an image below 32 pixels
///          has no features there. Set `ceil_mode` to false to get the same.
Recipe prepare_vgg16(const BackboneOptions& options);
Recipe prepare_vgg16_bn(const BackboneOptions& options);

}  // namespace deeplab::backbone
