// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/dataset/dataset.h"

namespace deeplab::apps {

/// Draws some images of a split, evenly spread over it, each next to its
/// labels, with a legend of all classes. Pairs that cannot be read are left
/// out.
///
/// Shapes: -> u8 [H, W, 3] BGR; empty if no pair can be read.
cv::Mat draw_contact_sheet(const data::Dataset& dataset);

}  // namespace deeplab::apps
