// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <opencv2/core/mat.hpp>

#include "data/synthetic/scene.h"
#include "deeplab/core/random.h"

namespace deeplab::data {

/// A surface: its class, its BGR color in 0..1, and the strength of the coarse
/// and the fine noise that vary its brightness.
struct Surface {
  SceneClass label;
  cv::Vec3f color;
  float coarse;
  float fine;
};

/// The surface that a synthetic landscape is painted on: an image, its labels
/// and the random generator. photograph() simulates the camera at the end.
class Canvas {
 public:
  Canvas(cv::Size size, uint64_t seed);

  Random& random() { return random_; }
  float real(double low, double high) {
    return static_cast<float>(random_.uniform(low, high));
  }
  /// Sides in canvas pixels, which are finer than the pixels of the final
  /// image.
  float image_width() const { return static_cast<float>(image_.cols); }
  float image_height() const { return static_cast<float>(image_.rows); }

  static cv::Point point(float x, float y);
  cv::Mat empty_mask() const;
  cv::Mat box(const cv::Rect2f& area) const;

  cv::Vec3f jittered(const cv::Vec3f& color, double spread);
  /// Returns a random color that both sky and water may have.
  cv::Vec3f bluish();
  void paint(const cv::Mat& mask, const Surface& surface);
  /// Darkens an ellipse on the ground around `foot`. No label changes.
  void shade_under(cv::Point2f foot, float width);
  /// Returns the final image: applies light from one side, the falloff of a
  /// lens, and the color cast and noise of a sensor, and reduces it to the
  /// final size.
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
