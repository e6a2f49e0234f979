// SPDX-License-Identifier: Apache-2.0
#include "data/dataset/legend.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

constexpr const char* kVoidName = "void";

/// Rejects an index or color that two items claim.
template <class Value>
class Claims {
 public:
  Claims(const std::string& path, const char* key) : path_(path), key_(key) {}
  void add(const Value& value, size_t item) {
    const auto [other, is_new] = items_.emplace(value, item);
    if (is_new) return;
    throw ConfigError(fmt::format(
        "{}: [{}] has the same {} as [{}]; masks could not distinguish them",
        path_, item, key_, other->second
    ));
  }

 private:
  const std::string& path_;
  const char* key_;
  std::map<Value, size_t> items_;
};

}  // namespace

Legend read_legend(const std::string& path) {
  const auto entries = read_class_entries(path);
  Legend legend;
  std::vector<std::string> names;
  for (const auto& entry : entries) {
    if (entry.name != kVoidName) names.push_back(entry.name);
  }
  try {
    legend.classes = make_classes(names, {});
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("{}: {}", path, error.what()));
  }
  Claims<int64_t> indices(path, "index");
  Claims<Color> colors(path, "color");
  const bool all_colored =
      std::all_of(entries.begin(), entries.end(), [](const auto& entry) {
        return !entry.color.empty();
      });
  legend.map.set_index(kVoid, kVoid);
  size_t k = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto& entry = entries[i];
    const bool is_void = entry.name == kVoidName;
    const int64_t label = is_void ? kVoid : static_cast<int64_t>(k);
    const auto index = entry.index.value_or(static_cast<int64_t>(i));
    if (index > kVoid || (index == kVoid && !is_void)) {
      throw ConfigError(fmt::format(
          "{}: [{}] has index {}; must be 0 to 254, or 255 for void", path, i,
          index
      ));
    }
    indices.add(index, i);
    legend.map.set_index(index, label);
    if (!entry.color.empty()) {
      const auto color = to_color(entry.color, path);
      colors.add(color, i);
      if (all_colored) legend.map.set_color(color, label);
      if (!is_void) legend.classes.colors[k] = color;
    }
    if (!is_void) ++k;
  }
  return legend;
}

Json write_classes(const Classes& classes) {
  Json list = Json::array();
  for (size_t k = 0; k < classes.names.size(); ++k) {
    list.push_back({{"name", classes.names[k]}, {"color", classes.colors[k]}});
  }
  return list;
}

Legend legend_of(const DataConfig& config) {
  const auto file = config.root + "/classes.json";
  if (std::filesystem::exists(file)) {
    auto legend = read_legend(file);
    if (config.classes.empty() || config.classes == legend.classes.names) {
      return legend;
    }
    // The file's mask values belong to the file's own classes, not to the
    // config's.
    throw ConfigError(fmt::format(
        "data.classes differs from the classes in {}; they must agree", file
    ));
  }
  if (config.classes.empty()) {
    throw DataError(fmt::format(
        "{}: no such file; name the classes in it, or by --classes a,b,c (data.classes)",
        file
    ));
  }
  Legend legend;
  legend.classes = make_classes(config.classes, config.colors);
  legend.map = LabelMap::identity(legend.classes.size());
  if (!config.colors.empty()) legend.map.set_colors(legend.classes);
  return legend;
}

void check_classes(const DataConfig& config, const Classes& classes) {
  if (config.classes.empty() || config.classes == classes.names) return;
  throw ConfigError(fmt::format(
      "data.classes is set, but data.kind \"{}\" has its own classes ({}: {}, ...); remove data.classes",
      config.kind, classes.size(), classes.names.front()
  ));
}

}  // namespace deeplab::data
