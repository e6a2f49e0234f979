// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/dataset.h"

namespace deeplab::apps {

/// Some images of a split, spread evenly over it, each beside its labels, and
/// a legend of all classes. Pairs that cannot be read are left out.
///
/// Shapes: -> u8 BGR; empty where no pair can be read.
cv::Mat draw_contact_sheet(const data::Dataset& dataset);

}  // namespace deeplab::apps
