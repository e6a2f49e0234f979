// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace deeplab::data {

/// Red, green, blue.
using Color = std::array<uint8_t, 3>;

/// How void is shown, as in VOC.
constexpr Color kVoidColor{224, 224, 192};

/// The classes of a data set, in the order of their indices.
struct Classes {
  std::vector<std::string> names;
  std::vector<Color> colors;

  int64_t size() const { return static_cast<int64_t>(names.size()); }
};

/// Colors of Pascal VOC's palette, by index.
/// Source: the VOC development kit, VOClabelcolormap.m.
Color voc_color(int64_t index);

/// "class 0", "class 1", ... in VOC's colors, where nobody named them.
Classes numbered_classes(int64_t count);

/// Names with a color each; with no colors at all, VOC's.
/// Throws: ConfigError for fewer than 2 or more than 254 names, an empty or a
///         doubled one, or colors that are not three numbers in 0..255.
Classes make_classes(
    const std::vector<std::string>& names,
    const std::vector<std::vector<int64_t>>& colors
);

/// One item of a file of classes. The class that is named "void" is none: its
/// index or color is left out of training and scores.
struct ClassEntry {
  std::string name;
  /// Red, green, blue; empty: none is declared.
  std::vector<int64_t> color;
  /// The value in masks, where it is not the item's own place.
  std::optional<int64_t> index;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("name", name);
    visit("color", color);
    visit("index", index);
  }
};

/// Reads a JSON list whose items are names or objects of ClassEntry's keys.
/// Throws: DataError and ConfigError naming `path`.
std::vector<ClassEntry> read_class_entries(const std::string& path);

/// Throws: ConfigError that begins with `subject`, for other than three
///         numbers in 0..255.
Color to_color(const std::vector<int64_t>& parts, const std::string& subject);

}  // namespace deeplab::data
