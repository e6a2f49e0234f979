// SPDX-License-Identifier: Apache-2.0
#include "apps/panel.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <optional>
#include <sstream>

#include <opencv2/imgproc.hpp>

namespace deeplab::apps {
namespace {

// Pixels of the margins around the plot.
constexpr int kRight = 24;
constexpr int kTop = 56;
constexpr int kBottom = 80;
constexpr int kTickGap = 10;
constexpr int kMostTicks = 6;
constexpr double kLetter = 0.6;
constexpr double kTitleLetter = 0.75;

cv::Scalar grey(int level) { return cv::Scalar::all(level); }
constexpr int kInkLevel = 40;
constexpr int kGridLevel = 225;

void put_sized_text(
    cv::Mat& canvas, const std::string& text, cv::Point corner, double letter
) {
  cv::putText(
      canvas,
      text,
      corner,
      cv::FONT_HERSHEY_SIMPLEX,
      letter,
      grey(kInkLevel),
      1,
      cv::LINE_AA
  );
}

/// From the least to the most of an axis.
struct AxisRange {
  double low;
  double high;
};

/// Light ones are mixed with the white behind them.
cv::Scalar line_color(const PanelLine& line) {
  const double share = line.kind == LineKind::kLight ? 0.35 : 1;
  const auto mixed = [share](uint8_t level) {
    return 255 + share * (level - 255);
  };
  return {mixed(line.color[2]), mixed(line.color[1]), mixed(line.color[0])};
}

AxisRange widened(AxisRange range) {
  const double span = range.high - range.low;
  const double size = std::max(std::abs(range.low), std::abs(range.high));
  // Values that are all but equal; ticks between them could not be told apart.
  const bool is_flat = span <= 1e-6 * size;
  const double flat_margin = size > 0 ? 0.1 * size : 1;
  const double margin = is_flat ? flat_margin : 0.04 * span;
  return {range.low - margin, range.high + margin};
}

/// Of the points' values but for a share of the lowest and highest.
std::optional<AxisRange> range_without(const Curve& points, double share) {
  if (points.empty()) return std::nullopt;
  std::vector<double> values;
  for (const auto& point : points) values.push_back(point.value);
  std::sort(values.begin(), values.end());
  const auto cut =
      static_cast<size_t>(share * static_cast<double>(values.size()));
  return AxisRange{values[cut], values[values.size() - 1 - cut]};
}

/// All of the strong lines; a first peak of a light one may be cut off.
std::optional<AxisRange> value_range(const Panel& panel) {
  constexpr double kPeaks = 0.01;
  std::optional<AxisRange> range;
  for (const auto& line : panel.lines) {
    const auto own =
        range_without(line.points, line.kind == LineKind::kLight ? kPeaks : 0);
    if (!own) continue;
    if (!range) range = own;
    range->low = std::min(range->low, own->low);
    range->high = std::max(range->high, own->high);
  }
  if (!range) return std::nullopt;
  return widened(*range);
}

AxisRange iteration_range(const Panel& panel) {
  int64_t last = 1;
  for (const auto& line : panel.lines) {
    for (const auto& point : line.points) {
      last = std::max(last, point.iteration);
    }
  }
  // Room for the mark of the last point.
  return {0, 1.02 * static_cast<double>(last)};
}

/// The numbers as text, all with the decimals that their step needs.
std::vector<std::string> tick_labels(const std::vector<double>& ticks) {
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1;
  const int decimals =
      std::max(0, -static_cast<int>(std::floor(std::log10(step) + 1e-9)));
  constexpr int kPlainDecimals = 5;
  std::vector<std::string> labels;
  for (const double tick : ticks) {
    std::ostringstream text;
    if (decimals <= kPlainDecimals) text << std::fixed;
    text << std::setprecision(decimals <= kPlainDecimals ? decimals : 3)
         << (std::abs(tick) < step / 2 ? 0 : tick);
    labels.push_back(text.str());
  }
  return labels;
}

/// One panel on its part of the picture: `plot` is where the lines are.
class PanelCanvas {
 public:
  PanelCanvas(cv::Mat canvas, AxisRange iterations, AxisRange values)
      : canvas_(std::move(canvas)),
        area_(
            kPanelLeft,
            kTop,
            canvas_.cols - kPanelLeft - kRight,
            canvas_.rows - kTop - kBottom
        ),
        iterations_(iterations),
        values_(values) {}

  void draw_axes() {
    const auto ticks =
        axis_ticks(iterations_.low, iterations_.high, kMostTicks);
    const auto labels = tick_labels(ticks);
    for (size_t i = 0; i < ticks.size(); ++i) {
      const int x = area_.x + cvRound(across(ticks[i]));
      grid_line({x, area_.y}, {x, area_.br().y});
      const auto size = text_size(labels[i]);
      const int below = area_.br().y + size.height + kTickGap;
      put_text(canvas_, labels[i], {x - size.width / 2, below});
    }
    draw_value_axis();
    cv::rectangle(canvas_, area_, grey(kInkLevel), 1);
    const auto size = text_size("iteration");
    put_text(
        canvas_,
        "iteration",
        {area_.x + (area_.width - size.width) / 2, canvas_.rows - kTickGap}
    );
  }

  void draw(const PanelLine& line) {
    // A part of the canvas, so that nothing leaves the plot.
    cv::Mat plot = canvas_(area_);
    constexpr int kFractionBits = 4;
    constexpr double kFraction = 1 << kFractionBits;
    std::vector<cv::Point> points;
    for (const auto& point : line.points) {
      points.emplace_back(
          cvRound(kFraction * across(static_cast<double>(point.iteration))),
          cvRound(kFraction * down(point.value))
      );
    }
    const bool is_light = line.kind == LineKind::kLight;
    cv::polylines(
        plot,
        points,
        /*isClosed=*/false,
        line_color(line),
        is_light ? 1 : 2,
        cv::LINE_AA,
        kFractionBits
    );
    constexpr size_t kFew = 30;
    if (points.size() > kFew) return;
    for (const auto& point : points) {
      cv::circle(
          plot,
          point,
          cvRound(4 * kFraction),
          line_color(line),
          cv::FILLED,
          cv::LINE_AA,
          kFractionBits
      );
    }
  }

 private:
  /// From the plot's left.
  double across(double iteration) const {
    return (iteration - iterations_.low) /
           (iterations_.high - iterations_.low) * area_.width;
  }
  /// From the plot's top.
  double down(double value) const {
    const double share = (values_.high - value) / (values_.high - values_.low);
    // Far outside is as good as just outside, and fits an int.
    return std::clamp(share, -1.0, 2.0) * area_.height;
  }

  void draw_value_axis() {
    const auto ticks = axis_ticks(values_.low, values_.high, kMostTicks);
    const auto labels = tick_labels(ticks);
    for (size_t i = 0; i < ticks.size(); ++i) {
      const int y = area_.y + cvRound(down(ticks[i]));
      grid_line({area_.x, y}, {area_.br().x, y});
      const auto size = text_size(labels[i]);
      const cv::Point corner(
          area_.x - size.width - kTickGap, y + size.height / 2
      );
      put_text(canvas_, labels[i], corner);
    }
  }

  void grid_line(cv::Point from, cv::Point to) {
    cv::line(canvas_, from, to, grey(kGridLevel), 1);
  }

  cv::Mat canvas_;
  cv::Rect area_;
  AxisRange iterations_;
  AxisRange values_;
};

}  // namespace

cv::Size text_size(const std::string& text) {
  int baseline = 0;
  return cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, kLetter, 1, &baseline);
}

void put_text(cv::Mat& canvas, const std::string& text, cv::Point corner) {
  put_sized_text(canvas, text, corner, kLetter);
}

std::vector<double> axis_ticks(double low, double high, int most) {
  const double least_step = (high - low) / most;
  const double power = std::pow(10, std::floor(std::log10(least_step)));
  double step = 10 * power;
  for (const double factor : {5, 2, 1}) {
    // A rounding of the division must not double the step.
    if (factor * power >= least_step * (1 - 1e-9)) step = factor * power;
  }
  std::vector<double> ticks;
  const double slack = 1e-9 * (high - low);
  for (double k = std::ceil((low - slack) / step); k * step <= high + slack;
       ++k) {
    ticks.push_back(k * step);
  }
  return ticks;
}

void draw_panel(const Panel& panel, cv::Mat canvas) {
  put_sized_text(
      canvas, panel.title, {kPanelLeft, kTop - kTickGap}, kTitleLetter
  );
  const auto values = value_range(panel);
  if (!values) {
    put_text(canvas, "none yet", {kPanelLeft, kTop + kBottom});
    return;
  }
  PanelCanvas drawing(std::move(canvas), iteration_range(panel), *values);
  drawing.draw_axes();
  for (const auto kind : {LineKind::kLight, LineKind::kStrong}) {
    for (const auto& line : panel.lines) {
      if (line.kind == kind) drawing.draw(line);
    }
  }
}

}  // namespace deeplab::apps
