// SPDX-License-Identifier: Apache-2.0
#include "data/synthetic/scene.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include <opencv2/imgproc.hpp>

#include "data/synthetic/canvas.h"

namespace deeplab::data {
namespace {

/// Draws from far to near, so that each object covers what lies behind it.
class Painter : private Canvas {
 public:
  Painter(cv::Size size, uint64_t seed) : Canvas(size, seed) {
    horizon_ = image_height() * real(0.3, 0.55);
  }

  Scene draw() {
    draw_ground();
    draw_buildings();
    draw_near_things();
    return photograph();
  }

 private:
  void draw_ground();
  cv::Mat lake(cv::Point middle, cv::Size axes) const;
  void draw_buildings();
  void draw_near_things();
  void draw_building(float left, float foot);
  /// Draws a window or a crate. Both look the same and differ only in their
  /// surroundings.
  void draw_panel(const cv::Rect2f& area, SceneClass label);
  void draw_tree(cv::Point2f foot, float scale);
  void draw_poles(float foot, float scale);
  void draw_ball(cv::Point2f foot, float radius);

  float horizon_ = 0;
};

void Painter::draw_ground() {
  paint(
      box({0, 0, image_width(), image_height()}),
      {SceneClass::kSky, bluish(), real(0.05, 0.2), 0.03F}
  );
  paint(
      box({0, horizon_, image_width(), image_height() - horizon_}),
      {SceneClass::kField,
       jittered({0.2F, real(0.35, 0.55), real(0.25, 0.5)}, 0.2), 0.25F, 0.2F}
  );
  if (random().chance(0.75)) {
    // Adds a lake at one side, in a color that a sky may have too.
    const float middle = random().chance(0.5) ? 0 : image_width();
    const cv::Size axes{
        cvRound(image_width() * real(0.3, 0.9)),
        cvRound((image_height() - horizon_) * real(0.2, 0.6))};
    paint(
        lake(point(middle, horizon_), axes),
        {SceneClass::kWater, bluish(), real(0.05, 0.2), 0.03F}
    );
  }
}

/// Returns the lower half of an ellipse about a point on the left or right
/// border, filled from its shore to that border. OpenCV's own filled arcs are
/// not used, because their edge pixels differ between versions 4.6 and 4.10.
cv::Mat Painter::lake(cv::Point middle, cv::Size axes) const {
  constexpr int kDegreesPerCorner = 5;
  std::vector<cv::Point2d> shore;
  cv::ellipse2Poly(
      cv::Point2d(middle), cv::Size2d(axes),
      /*angle=*/0,
      /*arcStart=*/0,
      /*arcEnd=*/180, kDegreesPerCorner, shore
  );
  std::vector<cv::Point> corners;
  corners.reserve(shore.size());
  for (const auto& corner : shore) {
    corners.emplace_back(cvFloor(corner.x + 0.5), cvFloor(corner.y + 0.5));
  }
  cv::Mat mask = empty_mask();
  cv::polylines(mask, corners, /*isClosed=*/false, 255);
  for (int y = 0; y < mask.rows; ++y) {
    auto* begin = mask.ptr<uint8_t>(y);
    auto* end = begin + mask.cols;
    if (middle.x == 0) {
      const auto rim = std::find(
          std::make_reverse_iterator(end), std::make_reverse_iterator(begin),
          uint8_t{255}
      );
      std::fill(begin, rim.base(), uint8_t{255});
    } else {
      std::fill(std::find(begin, end, uint8_t{255}), end, uint8_t{255});
    }
  }
  return mask;
}

void Painter::draw_buildings() {
  const auto count = random().integer(0, 3);
  for (int64_t i = 0; i < count; ++i) {
    const float left = real(-0.1, 0.9) * image_width();
    draw_building(left, horizon_ + image_height() * real(0, 0.12));
  }
}

void Painter::draw_building(float left, float foot) {
  const float height = image_height() * real(0.15, 0.5);
  const float width = image_height() * real(0.15, 0.5);
  const float grey = real(0.35, 0.75);
  paint(
      box({left, foot - height, width, height}),
      {SceneClass::kBuilding, jittered({grey * 0.85F, grey * 0.95F, grey}, 0.1),
       0.06F, 0.1F}
  );
  const float pane = image_height() * real(0.035, 0.07);
  const float gap = pane * real(0.5, 1.0);
  for (float y = foot - height + gap; y + pane < foot; y += pane + gap) {
    for (float x = left + gap; x + pane < left + width; x += pane + gap) {
      if (random().chance(0.85)) {
        draw_panel({x, y, pane, pane}, SceneClass::kWindow);
      }
    }
  }
}

void Painter::draw_panel(const cv::Rect2f& area, SceneClass label) {
  const float frame = area.width * 0.14F;
  paint(box(area), {label, jittered({0.15F, 0.25F, 0.4F}, 0.2), 0.05F, 0.08F});
  const cv::Rect2f inner(
      area.x + frame, area.y + frame, area.width - 2 * frame,
      area.height - 2 * frame
  );
  paint(box(inner), {label, jittered({0.45F, 0.55F, 0.6F}, 0.3), 0.1F, 0.05F});
}

void Painter::draw_near_things() {
  const auto count = random().integer(4, 9);
  std::vector<float> feet;
  for (int64_t i = 0; i < count; ++i) {
    feet.push_back(
        real(0.04, 1) * (image_height() - horizon_) * 0.95F + horizon_
    );
  }
  std::sort(feet.begin(), feet.end());
  for (const float foot : feet) {
    // Nearer objects stand lower in the image and are larger.
    const float nearness = (foot - horizon_) / (image_height() - horizon_);
    const float scale = image_height() * (0.35F + nearness);
    const float x = real(0, 1) * image_width();
    switch (random().integer(0, 4)) {
      case 0: {
        const float side = scale * real(0.05, 0.13);
        shade_under({x + side / 2, foot}, side * 0.7F);
        draw_panel({x, foot - side, side, side}, SceneClass::kCrate);
        break;
      }
      case 1:
        draw_tree({x, foot}, scale);
        break;
      case 2:
        draw_poles(foot, scale);
        break;
      default:
        // Balls range from a few pixels to a fifth of the image.
        draw_ball({x, foot}, scale * 0.015F * std::pow(8.0F, real(0, 1)));
        break;
    }
  }
}

void Painter::draw_tree(cv::Point2f foot, float scale) {
  const float height = scale * real(0.25, 0.5);
  const float trunk = std::max(1.0F, height * 0.06F);
  shade_under(foot, height * 0.3F);
  paint(
      box({foot.x - trunk / 2, foot.y - height * 0.6F, trunk, height * 0.6F}),
      {SceneClass::kTree, jittered({0.12F, 0.22F, 0.32F}, 0.2), 0.1F, 0.1F}
  );
  cv::Mat crown = empty_mask();
  const auto leaves = random().integer(5, 9);
  for (int64_t i = 0; i < leaves; ++i) {
    const float radius = height * real(0.1, 0.24);
    const cv::Point2f centre{
        foot.x + height * real(-0.22, 0.22),
        foot.y - height * real(0.55, 0.95)};
    cv::circle(
        crown, point(centre.x, centre.y), cvRound(radius), 255, cv::FILLED
    );
  }
  paint(
      crown,
      {SceneClass::kTree,
       jittered({0.12F, real(0.3, 0.45), real(0.12, 0.35)}, 0.2), 0.2F, 0.45F}
  );
}

/// Draws poles of one to two final pixels in width, with a wire between them.
void Painter::draw_poles(float foot, float scale) {
  const Surface surface{
      SceneClass::kPole, jittered(cv::Vec3f::all(real(0.12, 0.3)), 0.2), 0.05F,
      0.05F};
  const float height = scale * real(0.35, 0.7);
  const float step = scale * real(0.3, 0.6);
  const int thickness = static_cast<int>(random().integer(2, 4));
  const auto count = random().integer(1, 4);
  float x = real(0, 0.8) * image_width();
  cv::Mat mask = empty_mask();
  for (int64_t i = 0; i < count; ++i, x += step) {
    const cv::Point top = point(x, foot - height);
    cv::line(mask, top, point(x, foot), 255, thickness);
    cv::line(
        mask, top - cv::Point(3 * thickness, 0),
        top + cv::Point(3 * thickness, 0), 255, thickness
    );
    if (i + 1 < count) {
      cv::line(mask, top, point(x + step, foot - height), 255, 2);
    }
  }
  paint(mask, surface);
}

void Painter::draw_ball(cv::Point2f foot, float radius) {
  radius = std::max(radius, 2.0F);
  shade_under(foot, radius);
  const cv::Vec3f color =
      jittered({real(0.1, 0.8), real(0.1, 0.8), real(0.1, 0.8)}, 0.2);
  const cv::Point2f centre(foot.x, foot.y - radius);
  // Draws rings that get brighter towards the light, which is up and to the
  // left.
  constexpr int kRings = 6;
  for (int ring = 0; ring < kRings; ++ring) {
    const float inward = static_cast<float>(ring) / kRings;
    cv::Mat mask = empty_mask();
    cv::circle(
        mask,
        point(
            centre.x - 0.4F * radius * inward, centre.y - 0.4F * radius * inward
        ),
        cvRound(radius * (1 - inward)), 255, cv::FILLED
    );
    paint(
        mask, {SceneClass::kBall, color * (0.55F + 0.6F * inward), 0.03F, 0.03F}
    );
  }
}

}  // namespace

Scene draw_scene(cv::Size size, uint64_t seed) {
  return Painter(size, seed).draw();
}

}  // namespace deeplab::data
