// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/canvas.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace deeplab::data {
namespace {

/// The canvas is this many times larger per side than the image and is averaged
/// down, which gives soft edges.
constexpr int kOversampling = 2;

/// Fraction of the light that remains in a shadow.
constexpr double kShade = 0.6;

}  // namespace

Canvas::Canvas(cv::Size size, uint64_t seed)
    : random_(seed),
      image_(size * kOversampling, CV_32FC3),
      labels_(image_.size(), CV_8UC1),
      coarse_(noise(10)),
      fine_(noise(image_.rows / kOversampling)) {}

cv::Point Canvas::point(float x, float y) { return {cvRound(x), cvRound(y)}; }

cv::Mat Canvas::empty_mask() const {
  return {image_.size(), CV_8U, cv::Scalar(0)};
}

/// Returns a smooth random field in about -1..1 with `cells` bumps over the
/// height.
cv::Mat Canvas::noise(int cells) {
  const int across = std::max(2, cells * image_.cols / image_.rows);
  cv::Mat grid(std::max(2, cells), across, CV_32F);
  for (int row = 0; row < grid.rows; ++row) {
    for (int column = 0; column < grid.cols; ++column) {
      grid.at<float>(row, column) = real(-1, 1);
    }
  }
  cv::Mat field;
  cv::resize(grid, field, image_.size(), 0, 0, cv::INTER_LINEAR);
  return field;
}

cv::Vec3f Canvas::jittered(const cv::Vec3f& color, double spread) {
  const float light = real(1 - spread, 1 + spread);
  cv::Vec3f result;
  for (int channel = 0; channel < 3; ++channel) {
    result[channel] =
        std::clamp(color[channel] * light + real(-0.04, 0.04), 0.02F, 0.98F);
  }
  return result;
}

cv::Vec3f Canvas::bluish() {
  return jittered({real(0.6, 0.85), real(0.5, 0.7), real(0.35, 0.6)}, 0.15);
}

void Canvas::paint(const cv::Mat& mask, const Surface& surface) {
  // All pixels are visited, because boundingRect() of OpenCV 4.6 misses some
  // pixels at the left side.
  for (int y = 0; y < mask.rows; ++y) {
    const auto* inside = mask.ptr<uint8_t>(y);
    for (int x = 0; x < mask.cols; ++x) {
      if (inside[x] == 0) continue;
      const float light = 1 + surface.coarse * coarse_.at<float>(y, x) +
                          surface.fine * fine_.at<float>(y, x);
      image_.at<cv::Vec3f>(y, x) = surface.color * light;
      labels_.at<uint8_t>(y, x) = static_cast<uint8_t>(surface.label);
    }
  }
}

cv::Mat Canvas::box(const cv::Rect2f& area) const {
  cv::Mat mask = empty_mask();
  const cv::Point corner = point(area.x, area.y);
  const cv::Point opposite =
      point(area.x + area.width, area.y + area.height) - cv::Point(1, 1);
  cv::rectangle(mask, corner, opposite, 255, cv::FILLED);
  return mask;
}

void Canvas::shade_under(cv::Point2f foot, float width) {
  cv::Mat mask = empty_mask();
  const cv::Size axes(cvRound(width) + 1, cvRound(width * 0.25F) + 1);
  cv::ellipse(mask, point(foot.x, foot.y), axes, 0, 0, 360, 255, cv::FILLED);
  for (int y = 0; y < mask.rows; ++y) {
    for (int x = 0; x < mask.cols; ++x) {
      if (mask.at<uint8_t>(y, x) == 0) continue;
      auto& pixel = image_.at<cv::Vec3f>(y, x);
      for (int channel = 0; channel < 3; ++channel) {
        pixel[channel] = static_cast<float>(pixel[channel] * kShade);
      }
    }
  }
}

Scene Canvas::photograph() {
  light();
  Scene scene;
  cv::Mat small;
  const cv::Size size = image_.size() / kOversampling;
  cv::resize(image_, small, size, 0, 0, cv::INTER_AREA);
  // A nearest-neighbor resize is avoided, because OpenCV 4.6 and 4.10 choose
  // different ones of the four pixels.
  scene.labels.create(size, CV_8UC1);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      scene.labels.at<uint8_t>(y, x) =
          labels_.at<uint8_t>(kOversampling * y, kOversampling * x);
    }
  }
  add_grain(small);
  small.convertTo(scene.image, CV_8UC3, 255);
  return scene;
}

void Canvas::light() {
  const float slope = real(-0.3, 0.3);
  const float falloff = real(0, 0.3);
  const cv::Vec3f cast{real(0.9, 1.1), real(0.9, 1.1), real(0.9, 1.1)};
  const float exposure = real(0.75, 1.15);
  for (int y = 0; y < image_.rows; ++y) {
    for (int x = 0; x < image_.cols; ++x) {
      const float across = static_cast<float>(x) / image_width() - 0.5F;
      const float down = static_cast<float>(y) / image_height() - 0.5F;
      const float light = exposure * (1 + slope * across) *
                          (1 - falloff * (across * across + down * down) * 2);
      auto& pixel = image_.at<cv::Vec3f>(y, x);
      pixel = pixel.mul(cast) * light;
    }
  }
}

void Canvas::add_grain(cv::Mat& image) {
  const auto grain = real(0.01, 0.035);
  for (int y = 0; y < image.rows; ++y) {
    for (int x = 0; x < image.cols; ++x) {
      for (int channel = 0; channel < 3; ++channel) {
        image.at<cv::Vec3f>(y, x)[channel] +=
            grain * static_cast<float>(random_.normal());
      }
    }
  }
}

}  // namespace deeplab::data
