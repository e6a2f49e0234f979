// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "apps/curves.h"

namespace deeplab::apps {

/// Light ones lie under the strong ones, and may be cut off at their peaks.
enum class LineKind { kStrong, kLight };

/// A curve in a panel; `color` is RGB.
struct PanelLine {
  Curve points;
  std::array<uint8_t, 3> color;
  LineKind kind;
};

/// Lines over iterations that share their axes.
struct Panel {
  std::string title;
  std::vector<PanelLine> lines;
};

/// Pixels from a panel's left side to its plot.
constexpr int kPanelLeft = 100;

/// Draws title, axes and lines onto a white picture, 200 pixels wide and high
/// at least.
///
/// Shapes: canvas u8 [H, W, 3], BGR.
void draw_panel(const Panel& panel, cv::Mat canvas);

/// Of the letters of axes; ASCII only, as OpenCV has no others.
cv::Size text_size(const std::string& text);
/// `corner` is the text's lower left one.
void put_text(cv::Mat& canvas, const std::string& text, cv::Point corner);

/// Round numbers in low..high, `most` + 1 or fewer, ascending; low < high.
std::vector<double> axis_ticks(double low, double high, int most);

}  // namespace deeplab::apps
