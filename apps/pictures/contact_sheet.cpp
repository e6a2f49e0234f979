// SPDX-License-Identifier: Apache-2.0
#include "apps/pictures/contact_sheet.h"

#include <algorithm>

#include <fmt/core.h>
#include <opencv2/imgproc.hpp>

#include "apps/pictures/overlay.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

constexpr int64_t kPairs = 24;
constexpr int kColumns = 4;
constexpr int kWidth = 200;
constexpr int kHeight = 150;
constexpr int kCaption = 18;
constexpr int kGap = 6;
constexpr double kCaptionScale = 0.35;

/// Scales a picture to fit into a cell and keeps its aspect ratio.
void put(const cv::Mat& picture, int interpolation, cv::Mat cell) {
  const double scale = std::min(
      static_cast<double>(cell.cols) / picture.cols,
      static_cast<double>(cell.rows) / picture.rows
  );
  const cv::Size size(
      std::max(1, static_cast<int>(picture.cols * scale)),
      std::max(1, static_cast<int>(picture.rows * scale))
  );
  cv::Mat scaled;
  cv::resize(picture, scaled, size, 0, 0, interpolation);
  scaled.copyTo(cell(cv::Rect(cv::Point(0, 0), size)));
}

cv::Mat draw_pair(
    const data::RawSample& sample,
    const std::string& caption,
    const Classes& classes
) {
  cv::Mat cell(
      kHeight + kCaption, 2 * kWidth + kGap, CV_8UC3, cv::Scalar::all(255)
  );
  put(sample.image, cv::INTER_AREA, cell(cv::Rect(0, 0, kWidth, kHeight)));
  put(colorize(sample.labels, classes), cv::INTER_NEAREST,
      cell(cv::Rect(kWidth + kGap, 0, kWidth, kHeight)));
  cv::putText(
      cell, caption, cv::Point(0, kHeight + kCaption - kGap),
      cv::FONT_HERSHEY_SIMPLEX, kCaptionScale, cv::Scalar::all(0), 1,
      cv::LINE_AA
  );
  return cell;
}

/// Draws the legend of all classes, in as many columns as the height requires.
cv::Mat draw_class_columns(const Classes& classes, int height) {
  std::vector<size_t> all(classes.names.size());
  for (size_t k = 0; k < all.size(); ++k) all[k] = k;
  const auto rows =
      static_cast<size_t>(std::max(1, (height - 2 * kGap) / legend_row_height())
      );
  std::vector<cv::Mat> columns;
  for (size_t first = 0; first < all.size(); first += rows) {
    const size_t last = std::min(all.size(), first + rows);
    const auto column = draw_legend(
        {all.begin() + static_cast<std::ptrdiff_t>(first),
         all.begin() + static_cast<std::ptrdiff_t>(last)},
        classes, height
    );
    columns.push_back(column);
  }
  cv::Mat legend;
  cv::hconcat(columns, legend);
  return legend;
}

}  // namespace

cv::Mat draw_contact_sheet(const data::Dataset& dataset) {
  const int64_t count = std::min(kPairs, dataset.size());
  std::vector<cv::Mat> cells;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = i * dataset.size() / count;
    const auto caption =
        drawable(dataset.id(index), fmt::format("image {}", index));
    try {
      cells.push_back(draw_pair(dataset.load(index), caption, dataset.classes())
      );
    } catch (const DataError&) {
      // `data check` has already reported this pair.
      continue;
    }
  }
  if (cells.empty()) return {};
  const int shown = static_cast<int>(cells.size());
  const int columns = std::min(kColumns, shown);
  const int rows = (shown + columns - 1) / columns;
  const cv::Size step(cells[0].cols + 2 * kGap, cells[0].rows + kGap);
  cv::Mat grid(
      rows * step.height + kGap, columns * step.width, CV_8UC3,
      cv::Scalar::all(255)
  );
  for (int i = 0; i < shown; ++i) {
    const cv::Point corner(
        i % columns * step.width + kGap, i / columns * step.height + kGap
    );
    const auto& cell = cells[static_cast<size_t>(i)];
    cell.copyTo(grid(cv::Rect(corner, cell.size())));
  }
  cv::Mat sheet;
  cv::hconcat(grid, draw_class_columns(dataset.classes(), grid.rows), sheet);
  return sheet;
}

}  // namespace deeplab::apps
