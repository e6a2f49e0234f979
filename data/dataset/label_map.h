// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "data/dataset/classes.h"
#include "deeplab/core/config_io.h"

namespace deeplab::data {

/// Maps the values of a mask to classes: each index, and optionally each color,
/// to a class or void. A value that has not been declared is an error.
class LabelMap {
 public:
  /// Creates a map in which no value is declared.
  LabelMap();
  /// Returns a map in which index k is class k, for 0..num_classes-1, and 255
  /// is void.
  static LabelMap identity(int64_t num_classes);

  /// Declares an index. `label` is a class or kVoid.
  void set_index(int64_t index, int64_t label);
  /// Returns the label of an index; nullopt if it is not declared.
  std::optional<int64_t> label_of(int64_t index) const;
  /// Declares an index of two meanings; a mask that has it is refused.
  void set_ambiguous(int64_t index);
  /// Declares these indices as void and all other void indices as unknown.
  void set_void(const std::vector<int64_t>& indices);
  void set_color(const Color& color, int64_t label);
  /// Declares the color of each class. A color that two classes share stays
  /// undeclared.
  void set_colors(const Classes& classes);

  bool knows_colors() const { return !by_color_.empty(); }

  /// Returns the map as JSON, which read() converts back.
  Json write() const;
  /// Throws: ConfigError whose message begins with `subject`.
  static LabelMap read(const Json& json, const std::string& subject);

  /// Throws: DataError whose message begins with `subject`, if a label is
  ///         neither a class below `num_classes` nor void.
  void check(int64_t num_classes, const std::string& subject) const;

  /// Converts a mask to classes.
  ///
  /// Shapes: u8 [H, W] of indices, or u8 [H, W, 3] of colors in BGR -> u8 [H,
  ///         W], each value a class or kVoid.
  /// Throws: DataError whose message begins with `path` and gives value, row
  ///         and column of the first pixel whose value is not declared.
  cv::Mat to_classes(const cv::Mat& mask, const std::string& path) const;

 private:
  cv::Mat from_indices(const cv::Mat& mask, const std::string& path) const;
  cv::Mat from_colors(const cv::Mat& mask, const std::string& path) const;
  std::string known_indices() const;

  /// Label of each index; negative if the index is not declared or ambiguous.
  std::array<int16_t, 256> by_index_{};
  std::unordered_map<uint32_t, uint8_t> by_color_;
};

}  // namespace deeplab::data
