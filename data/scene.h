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

/// One drawn landscape.
struct Scene {
  /// u8 [H, W, 3], BGR.
  cv::Mat image;
  /// u8 [H, W] of SceneClass.
  cv::Mat labels;
};

/// Draws the landscape of a seed: the same bits for the same seed and size.
Scene draw_scene(cv::Size size, uint64_t seed);

}  // namespace deeplab::data
