// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/weights/state_dict.h"

namespace deeplab::weights {

/// Converts VGG-16's fully connected layers to DeepLab's fc6 and fc7: keeps
/// evenly spaced taps of the 7x7 kernel and evenly spaced channels. If `file`
/// has torchvision's "classifier.0" and "classifier.3", this adds to `into`
/// each tensor of `own` that belongs to an fc6 or fc7 (of large_fov, or of each
/// branch of ASPP) and that `into` lacks.
/// Source: Chen et al. 2014, arXiv:1412.7062, section 3.1; channels: 2016,
///         arXiv:1606.00915, section 4.1.
void decimate_vgg(const StateDict& file, const StateDict& own, StateDict& into);

}  // namespace deeplab::weights
