// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deeplab/core/classes.h"

namespace deeplab::data {

/// Color in which void pixels are drawn, as in VOC.
constexpr Color kVoidColor{224, 224, 192};

/// Colors of Pascal VOC's palette, by index.
/// Source: the VOC development kit, VOClabelcolormap.m.
Color voc_color(int64_t index);

/// Returns classes named "class 0", "class 1", ... in VOC's colors, for data
/// without class names.
Classes numbered_classes(int64_t count);

/// Returns classes with these names and colors. If `colors` is empty, the
/// classes get VOC's colors.
/// Throws: ConfigError for fewer than 2 or more than 254 names, for an empty or
///         repeated name, for a number of colors that differs from the number
///         of names, or for a color that is not three numbers in 0..255.
Classes make_classes(
    const std::vector<std::string>& names,
    const std::vector<std::vector<int64_t>>& colors
);

/// One item of a class file. An item named "void" is not a class: pixels with
/// its index or color are left out of training and scores.
struct ClassEntry {
  std::string name;
  /// Red, green, blue. Empty if the file gives no color.
  std::vector<int64_t> color;
  /// Value in masks. If absent, it is the item's position in the list.
  std::optional<int64_t> index;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("name", name);
    visit("color", color);
    visit("index", index);
  }
};

/// Reads a JSON list whose items are names or objects with ClassEntry's keys.
/// Throws: DataError or ConfigError naming `path`.
std::vector<ClassEntry> read_class_entries(const std::string& path);

/// Throws: ConfigError whose message begins with `subject`, unless `parts` is
///         three numbers in 0..255.
Color to_color(const std::vector<int64_t>& parts, const std::string& subject);

}  // namespace deeplab::data
