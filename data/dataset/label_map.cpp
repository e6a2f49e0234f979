// SPDX-License-Identifier: Apache-2.0
#include "data/dataset/label_map.h"

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

constexpr int16_t kUnknown = -1;
constexpr int16_t kAmbiguous = -2;

uint32_t pack(const Color& color) {
  return static_cast<uint32_t>(color[0]) << 16U |
         static_cast<uint32_t>(color[1]) << 8U | color[2];
}

std::string place(int row, int column) {
  return fmt::format(" at row {}, column {}", row, column);
}

/// Values and their labels in the JSON form of a LabelMap. A row is [index,
/// label] or [red, green, blue, label].
using Stored = std::vector<std::vector<int64_t>>;

struct StoredMap {
  Stored indices;
  Stored colors;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("indices", indices);
    visit("colors", colors);
  }
};

void check_stored(
    const Stored& rows, size_t length, const std::string& subject
) {
  for (const auto& row : rows) {
    const bool fits = row.size() == length &&
                      std::all_of(row.begin(), row.end(), [](int64_t value) {
                        return value >= 0 && value <= 255;
                      });
    if (fits) continue;
    throw ConfigError(fmt::format(
        "{}: {} is invalid; expected {} numbers in 0..255", subject,
        Json(row).dump(), length
    ));
  }
}

}  // namespace

LabelMap::LabelMap() { by_index_.fill(kUnknown); }

LabelMap LabelMap::identity(int64_t num_classes) {
  LabelMap map;
  for (int64_t k = 0; k < num_classes; ++k) map.set_index(k, k);
  map.set_index(kVoid, kVoid);
  return map;
}

void LabelMap::set_index(int64_t index, int64_t label) {
  by_index_.at(static_cast<size_t>(index)) = static_cast<int16_t>(label);
}

std::optional<int64_t> LabelMap::label_of(int64_t index) const {
  const auto label = by_index_.at(static_cast<size_t>(index));
  if (label < 0) return std::nullopt;
  return label;
}

void LabelMap::set_ambiguous(int64_t index) {
  by_index_.at(static_cast<size_t>(index)) = kAmbiguous;
}

void LabelMap::set_void(const std::vector<int64_t>& indices) {
  std::replace(
      by_index_.begin(), by_index_.end(), static_cast<int16_t>(kVoid), kUnknown
  );
  for (const auto index : indices) set_index(index, kVoid);
}

void LabelMap::set_color(const Color& color, int64_t label) {
  by_color_[pack(color)] = static_cast<uint8_t>(label);
}

void LabelMap::set_colors(const Classes& classes) {
  std::map<Color, int64_t> uses;
  for (const auto& color : classes.colors) ++uses[color];
  for (size_t k = 0; k < classes.colors.size(); ++k) {
    const auto& color = classes.colors[k];
    if (uses[color] == 1) set_color(color, static_cast<int64_t>(k));
  }
}

Json LabelMap::write() const {
  StoredMap stored;
  for (size_t index = 0; index < by_index_.size(); ++index) {
    if (by_index_[index] < 0) continue;
    stored.indices.push_back({static_cast<int64_t>(index), by_index_[index]});
  }
  for (const auto& [color, label] : by_color_) {
    stored.colors.push_back(
        {color >> 16U, (color >> 8U) & 255U, color & 255U, label}
    );
  }
  std::sort(stored.colors.begin(), stored.colors.end());
  return write_config(stored);
}

LabelMap LabelMap::read(const Json& json, const std::string& subject) {
  const auto stored = read_config<StoredMap>(json, subject);
  check_stored(stored.indices, 2, subject + ".indices");
  check_stored(stored.colors, 4, subject + ".colors");
  LabelMap map;
  for (const auto& row : stored.indices) map.set_index(row[0], row[1]);
  for (const auto& row : stored.colors) {
    map.set_color(to_color({row[0], row[1], row[2]}, subject), row[3]);
  }
  return map;
}

void LabelMap::check(int64_t num_classes, const std::string& subject) const {
  const auto check_label = [&](int64_t label) {
    if (label < num_classes || label == kVoid) return;
    throw DataError(fmt::format(
        "{}: has the class index {}, but only {} class names", subject, label,
        num_classes
    ));
  };
  for (const auto label : by_index_) check_label(label);
  for (const auto& [color, label] : by_color_) check_label(label);
}

cv::Mat LabelMap::to_classes(const cv::Mat& mask, const std::string& path)
    const {
  return mask.channels() == 1 ? from_indices(mask, path)
                              : from_colors(mask, path);
}

cv::Mat LabelMap::from_indices(const cv::Mat& mask, const std::string& path)
    const {
  cv::Mat labels(mask.size(), CV_8UC1);
  for (int row = 0; row < mask.rows; ++row) {
    const auto* indices = mask.ptr<uint8_t>(row);
    auto* target = labels.ptr<uint8_t>(row);
    for (int column = 0; column < mask.cols; ++column) {
      const int16_t label = by_index_[indices[column]];
      if (label < 0) {
        throw DataError(fmt::format(
            "{}: label {}{}; {}", path, static_cast<int>(indices[column]),
            place(row, column),
            label == kAmbiguous
                ? "is the position of one class and the grey color of another; give each class an \"index\" in classes.json"
                : "expected " + known_indices()
        ));
      }
      target[column] = static_cast<uint8_t>(label);
    }
  }
  return labels;
}

cv::Mat LabelMap::from_colors(const cv::Mat& mask, const std::string& path)
    const {
  cv::Mat labels(mask.size(), CV_8UC1);
  // Neighboring pixels mostly share a color, so the last lookup is reused.
  auto last = by_color_.end();
  for (int row = 0; row < mask.rows; ++row) {
    const auto* pixels = mask.ptr<cv::Vec3b>(row);
    auto* target = labels.ptr<uint8_t>(row);
    for (int column = 0; column < mask.cols; ++column) {
      const auto& pixel = pixels[column];
      const auto key = pack({pixel[2], pixel[1], pixel[0]});
      if (last == by_color_.end() || last->first != key) {
        last = by_color_.find(key);
      }
      if (last == by_color_.end()) {
        throw DataError(fmt::format(
            "{}: color ({}, {}, {}){} does not belong to a class; masks must have exact colors",
            path, static_cast<int>(pixel[2]), static_cast<int>(pixel[1]),
            static_cast<int>(pixel[0]), place(row, column)
        ));
      }
      target[column] = last->second;
    }
  }
  return labels;
}

std::string LabelMap::known_indices() const {
  std::string known;
  for (size_t first = 0; first < by_index_.size(); ++first) {
    if (by_index_[first] < 0) continue;
    size_t last = first;
    while (last + 1 < by_index_.size() && by_index_[last + 1] >= 0) ++last;
    const bool to_end = last + 1 == by_index_.size();
    known += fmt::format(
        "{}{}",
        known.empty() ? ""
        : to_end      ? " or "
                      : ", ",
        first
    );
    if (last > first) known += fmt::format("..{}", last);
    if (to_end && by_index_[last] == kVoid) known += " (void)";
    first = last;
  }
  return known;
}

}  // namespace deeplab::data
