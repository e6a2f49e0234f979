// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <opencv2/core/mat.hpp>
#include <torch/types.h>

#include "data/classes.h"

namespace deeplab::apps {

/// Shapes: int64 [H, W] of classes -> u8 [H, W].
cv::Mat to_mask(const torch::Tensor& prediction);

/// Shapes: u8 [H, W, 3] BGR -> u8 tensor [H, W, 3] RGB.
torch::Tensor rgb_levels(const cv::Mat& image);

/// Labels as the classes' colors; void is near white.
///
/// Shapes: u8 [H, W] -> u8 [H, W, 3], BGR.
cv::Mat colorize(const cv::Mat& labels, const data::Classes& classes);

/// Names and colors of classes, one under the other; `height` at least.
///
/// Shapes: -> u8 [H, W, 3], BGR, on white.
cv::Mat draw_legend(
    const std::vector<size_t>& shown, const data::Classes& classes, int height
);

/// Of one class in the legend, pixels.
int legend_row_height();

/// The photo under half-transparent colors, and beside it a legend of the
/// classes that occur.
///
/// Shapes: image u8 [H, W, 3] BGR, labels u8 [H, W] -> BGR, wider.
cv::Mat draw_overlay(
    const cv::Mat& image, const cv::Mat& labels, const data::Classes& classes
);

}  // namespace deeplab::apps
