// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>

#include <opencv2/core/mat.hpp>

#include "data/classes.h"
#include "deeplab/core/config_io.h"

namespace deeplab::data {

/// What the values of a mask mean: the class of each index and, where they are
/// declared, of each color. A value that is not declared is an error.
class LabelMap {
 public:
  /// Knows no value at all.
  LabelMap();
  /// Index k is class k, for 0..num_classes-1, and 255 is void.
  static LabelMap identity(int64_t num_classes);

  /// `label` is a class or kVoid.
  void set_index(int64_t index, int64_t label);
  void set_color(const Color& color, int64_t label);
  /// Each class by its own color; a color of two classes is none's.
  void set_colors(const Classes& classes);

  bool knows_colors() const { return !by_color_.empty(); }

  /// The map as JSON that read() turns back into it.
  Json write() const;
  /// Throws: ConfigError that begins with `subject`.
  static LabelMap read(const Json& json, const std::string& subject);

  /// Throws: DataError that begins with `subject`, for a label that is no class
  ///         below `num_classes` nor void.
  void check(int64_t num_classes, const std::string& subject) const;

  /// Shapes: u8 [H, W] of indices, or u8 [H, W, 3] of colors in BGR -> u8
  ///         [H, W], each a class or kVoid.
  /// Throws: DataError that begins with `path`, with value, row and column of
  ///         the first pixel that means nothing.
  cv::Mat to_classes(const cv::Mat& mask, const std::string& path) const;

 private:
  cv::Mat from_indices(const cv::Mat& mask, const std::string& path) const;
  cv::Mat from_colors(const cv::Mat& mask, const std::string& path) const;
  std::string known_indices() const;

  /// Below 0: unknown.
  std::array<int16_t, 256> by_index_{};
  std::unordered_map<uint32_t, uint8_t> by_color_;
};

}  // namespace deeplab::data
