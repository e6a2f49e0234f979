// SPDX-License-Identifier: Apache-2.0
#include "apps/curve_picture.h"

#include <opencv2/imgproc.hpp>

#include "apps/panel.h"

namespace deeplab::apps {
namespace {

constexpr int kPanelWidth = 760;
constexpr int kPanelHeight = 560;
constexpr int kLegendLine = 36;
constexpr int kLegendSwatch = 40;
/// Twice what a panel has pixels in a row, about.
constexpr size_t kMostPoints = 1400;

Curve in_percent(Curve curve) {
  for (auto& point : curve) point.value *= 100;
  return curve;
}

std::vector<Panel> panels_of(const std::vector<RunCurves>& runs, double keep) {
  Panel loss{"training loss", {}};
  Panel rate{"learning rate", {}};
  Panel validation{"validation, %: mIoU (light: pixel accuracy)", {}};
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto color = run_color(i);
    const auto& run = runs[i];
    const auto add = [&](Panel& panel, LineKind kind, const Curve& curve) {
      panel.lines.push_back({thinned(curve, kMostPoints), color, kind});
    };
    if (keep > 0) add(loss, LineKind::kLight, run.loss);
    add(loss, LineKind::kStrong, smoothed(run.loss, keep));
    add(rate, LineKind::kStrong, run.learning_rate);
    add(validation, LineKind::kLight, in_percent(run.pixel_accuracy));
    add(validation, LineKind::kStrong, in_percent(run.mean_iou));
  }
  return {loss, rate, validation};
}

/// The runs' names beside their colors, in as many lines as they need.
cv::Mat draw_run_legend(const std::vector<RunCurves>& runs, int width) {
  struct Entry {
    cv::Point corner;
    size_t run;
  };
  std::vector<Entry> entries;
  cv::Point at(kPanelLeft, 0);
  for (size_t i = 0; i < runs.size(); ++i) {
    const int needed = kLegendSwatch + text_size(runs[i].name).width;
    if (at.x > kPanelLeft && at.x + needed > width) {
      at = {kPanelLeft, at.y + kLegendLine};
    }
    entries.push_back({at, i});
    at.x += needed + kLegendSwatch;
  }
  cv::Mat legend(at.y + 2 * kLegendLine, width, CV_8UC3, cv::Scalar::all(255));
  for (const auto& entry : entries) {
    const auto [red, green, blue] = run_color(entry.run);
    const cv::Rect swatch(
        entry.corner + cv::Point(0, kLegendLine / 2), cv::Size(28, 5)
    );
    cv::rectangle(legend, swatch, cv::Scalar(blue, green, red), cv::FILLED);
    put_text(
        legend,
        runs[entry.run].name,
        entry.corner + cv::Point(kLegendSwatch, kLegendLine / 2 + 8)
    );
  }
  return legend;
}

}  // namespace

cv::Mat draw_curves(const std::vector<RunCurves>& runs, double keep) {
  const auto panels = panels_of(runs, keep);
  const int width = kPanelWidth * static_cast<int>(panels.size());
  cv::Mat picture(kPanelHeight, width, CV_8UC3, cv::Scalar::all(255));
  for (size_t i = 0; i < panels.size(); ++i) {
    const cv::Rect place(
        static_cast<int>(i) * kPanelWidth, 0, kPanelWidth, kPanelHeight
    );
    draw_panel(panels[i], picture(place));
  }
  cv::vconcat(picture, draw_run_legend(runs, width), picture);
  return picture;
}

}  // namespace deeplab::apps
