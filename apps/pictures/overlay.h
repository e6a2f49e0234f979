// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <opencv2/core/mat.hpp>
#include <torch/types.h>

#include "data/dataset/classes.h"

namespace deeplab::apps {

/// Colors labels by class; void is near white.
///
/// Shapes: u8 [H, W] -> u8 [H, W, 3], BGR.
cv::Mat colorize(const cv::Mat& labels, const Classes& classes);

/// Draws names and colors of classes, one below the other. The picture is at
/// least `height` pixels high.
///
/// Shapes: -> u8 [H, W, 3], BGR, on white.
cv::Mat draw_legend(
    const std::vector<size_t>& shown, const Classes& classes, int height
);

/// Returns a line "NUMBER NAME" for each class, for names that cannot be drawn,
/// since the font has only ASCII's letters. A legend shows "class NUMBER" in
/// their place. Returns an empty text if all names can be drawn.
std::string legend_text(const Classes& classes);

/// Returns the text if it can be drawn, else `otherwise`.
std::string drawable(const std::string& text, const std::string& otherwise);

/// Height of one class in the legend, in pixels.
int legend_row_height();

/// Draws a photo blended with the colors of its labels, and to the right of it
/// a legend of the classes that occur.
///
/// Shapes: image u8 [H, W, 3] BGR, labels u8 [H, W] -> u8 BGR, wider than the
///         image.
cv::Mat draw_overlay(
    const cv::Mat& image, const cv::Mat& labels, const Classes& classes
);

}  // namespace deeplab::apps
