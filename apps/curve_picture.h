// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <opencv2/core/mat.hpp>

#include "apps/curves.h"

namespace deeplab::apps {

/// Three panels side by side, loss, learning rate and validation, over the
/// names of the runs. `keep` smooths the loss, see smoothed().
///
/// Shapes: -> u8 [H, W, 3], BGR.
cv::Mat draw_curves(const std::vector<RunCurves>& runs, double keep);

}  // namespace deeplab::apps
