// SPDX-License-Identifier: Apache-2.0
#include "apps/pictures/overlay.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>
#include <opencv2/imgproc.hpp>

#include "deeplab/core/sample.h"

namespace deeplab::apps {
namespace {

constexpr int kLegendRow = 20;
constexpr int kMargin = 6;
constexpr int kSwatch = 14;
constexpr double kFontScale = 0.45;
constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;

cv::Vec3b bgr(const Color& color) { return {color[2], color[1], color[0]}; }

std::vector<size_t> classes_in(const cv::Mat& labels, size_t count) {
  std::array<bool, 256> seen{};
  for (int y = 0; y < labels.rows; ++y) {
    const auto* row = labels.ptr<uint8_t>(y);
    for (int x = 0; x < labels.cols; ++x) seen[row[x]] = true;
  }
  std::vector<size_t> found;
  for (size_t k = 0; k < count; ++k) {
    if (seen[k]) found.push_back(k);
  }
  return found;
}

std::string label_of(const Classes& classes, size_t k) {
  return drawable(classes.names[k], fmt::format("class {}", k));
}

}  // namespace

cv::Mat colorize(const cv::Mat& labels, const Classes& classes) {
  cv::Mat colors(labels.size(), CV_8UC3);
  for (int y = 0; y < labels.rows; ++y) {
    for (int x = 0; x < labels.cols; ++x) {
      const size_t label = labels.at<uint8_t>(y, x);
      colors.at<cv::Vec3b>(y, x) = label < classes.colors.size()
                                       ? bgr(classes.colors[label])
                                       : bgr(data::kVoidColor);
    }
  }
  return colors;
}

std::string drawable(const std::string& text, const std::string& otherwise) {
  const bool is_ascii = std::all_of(text.begin(), text.end(), [](char letter) {
    return letter >= ' ' && letter <= '~';
  });
  return is_ascii ? text : otherwise;
}

std::string legend_text(const Classes& classes) {
  std::string text;
  bool is_needed = false;
  for (size_t k = 0; k < classes.names.size(); ++k) {
    const auto& name = classes.names[k];
    text += fmt::format("{} {}\n", k, name);
    is_needed = is_needed || drawable(name, "") != name;
  }
  return is_needed ? text : "";
}

int legend_row_height() { return kLegendRow; }

cv::Mat draw_legend(
    const std::vector<size_t>& shown, const Classes& classes, int height
) {
  int text_width = 0;
  for (const size_t k : shown) {
    int baseline = 0;
    const auto size =
        cv::getTextSize(label_of(classes, k), kFont, kFontScale, 1, &baseline);
    text_width = std::max(text_width, size.width);
  }
  const int rows = static_cast<int>(shown.size());
  cv::Mat canvas(
      std::max(height, rows * kLegendRow + 2 * kMargin),
      3 * kMargin + kSwatch + text_width, CV_8UC3, cv::Scalar::all(255)
  );
  for (int row = 0; row < rows; ++row) {
    const size_t k = shown[static_cast<size_t>(row)];
    const cv::Point corner(kMargin, kMargin + row * kLegendRow);
    const auto color = bgr(classes.colors[k]);
    cv::rectangle(
        canvas, cv::Rect(corner, cv::Size(kSwatch, kSwatch)),
        cv::Scalar(color[0], color[1], color[2]), cv::FILLED
    );
    cv::putText(
        canvas, label_of(classes, k),
        corner + cv::Point(kSwatch + kMargin, kSwatch - 2), kFont, kFontScale,
        cv::Scalar::all(0), 1, cv::LINE_AA
    );
  }
  return canvas;
}

cv::Mat draw_overlay(
    const cv::Mat& image, const cv::Mat& labels, const Classes& classes
) {
  cv::Mat blend;
  cv::addWeighted(image, 0.5, colorize(labels, classes), 0.5, 0, blend);
  const auto legend = draw_legend(
      classes_in(labels, classes.names.size()), classes, image.rows
  );
  cv::Mat canvas(
      legend.rows, image.cols + legend.cols, CV_8UC3, cv::Scalar::all(255)
  );
  blend.copyTo(canvas(cv::Rect(cv::Point(0, 0), image.size())));
  legend.copyTo(canvas(cv::Rect(cv::Point(image.cols, 0), legend.size())));
  return canvas;
}

}  // namespace deeplab::apps
