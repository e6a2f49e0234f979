// SPDX-License-Identifier: Apache-2.0
#include "data/dataset/classes.h"

#include <set>

#include <fmt/core.h>

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"

namespace deeplab::data {

Color voc_color(int64_t index) {
  Color color{};
  auto bits = static_cast<uint64_t>(index);
  for (int shift = 7; bits != 0; --shift, bits >>= 3U) {
    for (size_t channel = 0; channel < color.size(); ++channel) {
      const uint64_t bit = (bits >> channel) & 1U;
      color[channel] |= static_cast<uint8_t>(bit << shift);
    }
  }
  return color;
}

Classes numbered_classes(int64_t count) {
  Classes classes;
  for (int64_t k = 0; k < count; ++k) {
    classes.names.push_back(fmt::format("class {}", k));
    classes.colors.push_back(voc_color(k));
  }
  return classes;
}

Classes make_classes(
    const std::vector<std::string>& names,
    const std::vector<std::vector<int64_t>>& colors
) {
  if (names.size() < 2 || names.size() > 254) {
    throw ConfigError(fmt::format(
        "data.classes has {} names; must have 2 to 254 (index 255 is void)",
        names.size()
    ));
  }
  Classes classes;
  classes.names = names;
  std::set<std::string> seen;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty() || !seen.insert(names[i]).second) {
      throw ConfigError(fmt::format(
          "data.classes[{}] is \"{}\"; names must differ and not be empty", i,
          names[i]
      ));
    }
    classes.colors.push_back(voc_color(static_cast<int64_t>(i)));
  }
  if (!colors.empty() && colors.size() != names.size()) {
    throw ConfigError(fmt::format(
        "data.colors has {} colors; data.classes has {} names", colors.size(),
        names.size()
    ));
  }
  for (size_t i = 0; i < colors.size(); ++i) {
    classes.colors[i] = to_color(colors[i], fmt::format("data.colors[{}]", i));
  }
  return classes;
}

Color to_color(const std::vector<int64_t>& parts, const std::string& subject) {
  Color color{};
  bool valid = parts.size() == color.size();
  for (size_t i = 0; valid && i < color.size(); ++i) {
    valid = parts[i] >= 0 && parts[i] <= 255;
    color[i] = static_cast<uint8_t>(parts[i]);
  }
  if (!valid) {
    throw ConfigError(fmt::format("{} is not three numbers in 0..255", subject)
    );
  }
  return color;
}

std::vector<ClassEntry> read_class_entries(const std::string& path) {
  const auto json = parse_json(read_file(path), path);
  if (!json.is_array()) {
    throw ConfigError(fmt::format("{}: expected a JSON list of classes", path));
  }
  std::vector<ClassEntry> entries;
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string subject = fmt::format("{}: [{}]", path, i);
    auto& entry = entries.emplace_back();
    if (json[i].is_string()) {
      entry.name = json[i].get<std::string>();
      continue;
    }
    entry = read_config<ClassEntry>(json[i], subject);
    if (!entry.color.empty()) to_color(entry.color, subject + ".color");
    if (entry.index && (*entry.index < 0 || *entry.index > 255)) {
      throw ConfigError(
          fmt::format("{}.index is {}; must be 0 to 255", subject, *entry.index)
      );
    }
  }
  return entries;
}

}  // namespace deeplab::data
