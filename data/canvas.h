// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <opencv2/core/mat.hpp>

#include "data/scene.h"
#include "deeplab/core/random.h"

namespace deeplab::data {

/// A surface: its colour, and how strongly coarse and fine noise move it.
struct Surface {
  SceneClass label;
  cv::Vec3f color;
  float coarse;
  float fine;
};

/// What a synthetic landscape is painted on: an image and its labels, the
/// random numbers that decide, and at last the camera.
class Canvas {
 public:
  Canvas(cv::Size size, uint64_t seed);

  Random& random() { return random_; }
  float real(double low, double high) {
    return static_cast<float>(random_.uniform(low, high));
  }
  /// Sides in drawn pixels, of which a final pixel has several.
  float image_width() const { return static_cast<float>(image_.cols); }
  float image_height() const { return static_cast<float>(image_.rows); }

  static cv::Point point(float x, float y);
  cv::Mat empty_mask() const;
  cv::Mat box(const cv::Rect2f& area) const;

  cv::Vec3f jittered(const cv::Vec3f& color, double spread);
  /// Of sky and water alike.
  cv::Vec3f bluish();
  void paint(const cv::Mat& mask, const Surface& surface);
  /// A soft shadow on the ground; changes no label.
  void shade_under(cv::Point2f foot, float width);
  /// Light from one side, a lens's falloff, a sensor's colour cast and noise.
  Scene photograph();

 private:
  cv::Mat noise(int cells);
  void light();
  void add_grain(cv::Mat& image);

  Random random_;
  cv::Mat image_;
  cv::Mat labels_;
  cv::Mat coarse_;
  cv::Mat fine_;
};

}  // namespace deeplab::data
