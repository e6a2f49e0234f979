// SPDX-License-Identifier: Apache-2.0
#include "data/prepare/coco_mask.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

/// Returns the sorted x coordinates at which the polygon's edges cross the
/// horizontal line at `y`.
std::vector<double> crossings(const std::vector<double>& corners, double y) {
  std::vector<double> found;
  const size_t count = corners.size() / 2;
  for (size_t i = 0; i < count; ++i) {
    const size_t next = (i + 1) % count;
    const double from = corners[2 * i + 1];
    const double to = corners[2 * next + 1];
    if ((from <= y) == (to <= y)) continue;
    const double share = (y - from) / (to - from);
    found.push_back(
        corners[2 * i] + share * (corners[2 * next] - corners[2 * i])
    );
  }
  std::sort(found.begin(), found.end());
  return found;
}

void fill_polygon(const std::vector<double>& corners, cv::Mat& region) {
  for (int y = 0; y < region.rows; ++y) {
    const auto edges = crossings(corners, y + 0.5);
    auto* row = region.ptr<uint8_t>(y);
    for (size_t i = 0; i + 1 < edges.size(); i += 2) {
      const double width = region.cols;
      const auto first = std::clamp(std::ceil(edges[i] - 0.5), 0.0, width);
      const auto last = std::clamp(std::ceil(edges[i + 1] - 0.5), 0.0, width);
      for (auto x = static_cast<int>(first); x < static_cast<int>(last); ++x) {
        row[x] = 1;
      }
    }
  }
}

cv::Mat from_run_lengths(
    const std::vector<int64_t>& counts, const cv::Size& size
) {
  // Run lengths are column-major, so the mask is filled transposed.
  cv::Mat columns = cv::Mat::zeros(size.width, size.height, CV_8UC1);
  const int64_t total = size.area();
  int64_t done = 0;
  uint8_t value = 0;
  for (const auto count : counts) {
    if (count < 0 || count > total - done) {
      throw DataError("run lengths do not match the image size");
    }
    std::fill_n(columns.data + done, count, value);
    done += count;
    value ^= 1U;
  }
  if (done != total) throw DataError("run lengths do not match the image size");
  return columns.t();
}

cv::Mat from_object(const Json& segmentation, const cv::Size& size) {
  const auto stored = segmentation.value("size", std::vector<int64_t>{});
  if (stored != std::vector<int64_t>{size.height, size.width}) {
    throw DataError("run lengths do not match the image size");
  }
  const auto& counts = segmentation.at("counts");
  return from_run_lengths(
      counts.is_string() ? unpack_run_lengths(counts.get<std::string>())
                         : counts.get<std::vector<int64_t>>(),
      size
  );
}

}  // namespace

std::vector<int64_t> unpack_run_lengths(const std::string& packed) {
  // Source: cocoapi, common/maskApi.c. A character holds 5 bits of a number,
  //         lowest bits first. From the fourth number on, the difference to the
  //         number two places before is stored.
  std::vector<int64_t> counts;
  for (size_t at = 0; at < packed.size();) {
    int64_t value = 0;
    bool more = true;
    for (int shift = 0; more; shift += 5, ++at) {
      if (at == packed.size() || shift > 30) {
        throw DataError("compressed run lengths end within a number");
      }
      const int64_t bits = packed[at] - 48;
      value |= (bits & 0x1F) << shift;
      more = (bits & 0x20) != 0;
      if (!more && (bits & 0x10) != 0) value |= -(int64_t{1} << (shift + 5));
    }
    if (counts.size() > 2) value += counts[counts.size() - 2];
    counts.push_back(value);
  }
  return counts;
}

cv::Mat coco_region(const Json& segmentation, const cv::Size& size) {
  try {
    if (segmentation.is_object()) return from_object(segmentation, size);
    cv::Mat region = cv::Mat::zeros(size, CV_8UC1);
    for (const auto& polygon : segmentation) {
      const auto corners = polygon.get<std::vector<double>>();
      if (corners.size() < 6 || corners.size() % 2 != 0) {
        throw DataError(fmt::format(
            "a polygon has {} numbers; expected an even count of at least 6",
            corners.size()
        ));
      }
      constexpr double kFar = 1e6;
      for (const double corner : corners) {
        if (std::abs(corner) <= kFar) continue;
        throw DataError(fmt::format("a polygon has a corner at {}", corner));
      }
      fill_polygon(corners, region);
    }
    return region;
  } catch (const Json::exception&) {
    throw DataError("a segmentation is neither polygons nor run lengths");
  }
}

}  // namespace deeplab::data
