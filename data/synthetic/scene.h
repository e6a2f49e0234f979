// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <opencv2/core/mat.hpp>

namespace deeplab::data {

/// The classes of the synthetic landscapes, by index.
enum class SceneClass : uint8_t {
  kSky,
  kWater,
  kField,
  kBuilding,
  kWindow,
  kCrate,
  kTree,
  kPole,
  kBall,
};

/// One synthetic landscape.
struct Scene {
  /// u8 [H, W, 3], BGR.
  cv::Mat image;
  /// u8 [H, W], each value a SceneClass.
  cv::Mat labels;
};

/// Draws a landscape. The same seed and size always give the same bits.
Scene draw_scene(cv::Size size, uint64_t seed);

}  // namespace deeplab::data
