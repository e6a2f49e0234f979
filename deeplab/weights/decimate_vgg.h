// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/weights/state_dict.h"

namespace deeplab::weights {

/// VGG-16's fully connected layers as DeepLab's fc6 and fc7: a kernel of fewer
/// taps by leaving out taps, fewer channels by leaving out channels, evenly.
/// Adds what `own` has named fc6 and fc7 (of large_fov, or of each branch of
/// ASPP) where the file has torchvision's "classifier.0" and "classifier.3".
/// Source: Chen et al. 2014, arXiv:1412.7062, section 3.1; channels: 2016,
/// arXiv:1606.00915, section 4.1.
void decimate_vgg(const StateDict& file, const StateDict& own, StateDict& into);

}  // namespace deeplab::weights
