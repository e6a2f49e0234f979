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

/// An item's label and color.
struct Shade {
  int64_t label;
  Color color;
};

/// Declares grey colors as mask values, if all colors are grey. Masks of two
/// classes, for example, often have the values 0 and 255.
void set_grey_values(Legend& legend, const std::vector<Shade>& shades) {
  const bool all_grey =
      std::all_of(shades.begin(), shades.end(), [](const auto& shade) {
        const auto& [red, green, blue] = shade.color;
        return red == green && green == blue;
      });
  if (!all_grey) return;
  auto& values = legend.classes.values;
  values.assign(legend.classes.names.size(), 0);
  for (const auto& [label, color] : shades) {
    const int64_t value = color[0];
    if (label != kVoid) values[static_cast<size_t>(label)] = value;
    const auto known = legend.map.label_of(value);
    if (known && *known != label && value != kVoid) {
      legend.map.set_ambiguous(value);
    } else {
      legend.map.set_index(value, label);
    }
  }
}

/// Removes the mask values if each is the index of its class.
void drop_indices(Classes& classes) {
  for (size_t k = 0; k < classes.values.size(); ++k) {
    if (classes.values[k] != static_cast<int64_t>(k)) return;
  }
  classes.values.clear();
}

std::vector<Shade> shades_of(const Classes& classes) {
  std::vector<Shade> shades;
  for (size_t k = 0; k < classes.colors.size(); ++k) {
    shades.push_back({static_cast<int64_t>(k), classes.colors[k]});
  }
  return shades;
}

void check_values(const DataConfig& config) {
  std::map<int64_t, size_t> seen;
  const auto& values = config.values;
  if (values.size() != config.classes.size()) {
    throw ConfigError(fmt::format(
        "data.values has {} values; data.classes has {} names", values.size(),
        config.classes.size()
    ));
  }
  for (size_t k = 0; k < values.size(); ++k) {
    if (seen.emplace(values[k], k).second) continue;
    throw ConfigError(fmt::format(
        "data.values[{}] is {}, like another one; masks could not distinguish the classes",
        k, values[k]
    ));
  }
}

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
  std::vector<Shade> shades;
  bool has_index = false;
  size_t k = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    const auto& entry = entries[i];
    const bool is_void = entry.name == kVoidName;
    const int64_t label = is_void ? kVoid : static_cast<int64_t>(k);
    const auto index = entry.index.value_or(static_cast<int64_t>(i));
    if (index > kVoid) {
      throw ConfigError(fmt::format(
          "{}: [{}] is past the 256 values of a mask; give it an index", path, i
      ));
    }
    indices.add(index, i);
    legend.map.set_index(index, label);
    has_index = has_index || entry.index.has_value();
    if (!is_void) legend.classes.values.push_back(index);
    if (!entry.color.empty()) {
      const auto color = to_color(entry.color, path);
      colors.add(color, i);
      if (all_colored) legend.map.set_color(color, label);
      shades.push_back({label, color});
      if (!is_void) legend.classes.colors[k] = color;
    }
    if (!is_void) ++k;
  }
  if (all_colored && !has_index) set_grey_values(legend, shades);
  drop_indices(legend.classes);
  return legend;
}

void set_void(Legend& legend, const std::vector<int64_t>& values) {
  for (const auto value : values) {
    const auto label = legend.map.label_of(value);
    if (!label || *label == kVoid) continue;
    throw ConfigError(fmt::format(
        "data.void contains {}, which is the mask value of the class \"{}\"",
        value, legend.classes.names.at(static_cast<size_t>(*label))
    ));
  }
  legend.map.set_void(values);
}

Json write_classes(const Classes& classes) {
  Json list = Json::array();
  for (size_t k = 0; k < classes.names.size(); ++k) {
    Json item{{"name", classes.names[k]}, {"color", classes.colors[k]}};
    if (!classes.values.empty()) item["index"] = classes.values[k];
    list.push_back(item);
  }
  return list;
}

Legend legend_of(const DataConfig& config) {
  const auto file = config.root + "/classes.json";
  if (std::filesystem::exists(file)) {
    auto legend = read_legend(file);
    const auto& values = legend.classes.values;
    const bool names_agree =
        config.classes.empty() || config.classes == legend.classes.names;
    const bool values_agree = config.values.empty() || config.values == values;
    if (names_agree && values_agree) return legend;
    // The file's mask values belong to the file's own classes, not to the
    // config's.
    throw ConfigError(fmt::format(
        "data.{} differs from the {} in {}; they must agree",
        names_agree ? "values" : "classes", names_agree ? "values" : "classes",
        file
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
  if (config.values.empty()) {
    legend.map = LabelMap::identity(legend.classes.size());
  } else {
    check_values(config);
    legend.classes.values = config.values;
    legend.map.set_index(kVoid, kVoid);
    for (size_t k = 0; k < config.values.size(); ++k) {
      legend.map.set_index(config.values[k], static_cast<int64_t>(k));
    }
  }
  if (config.colors.empty()) return legend;
  legend.map.set_colors(legend.classes);
  if (config.values.empty()) {
    set_grey_values(legend, shades_of(legend.classes));
  }
  drop_indices(legend.classes);
  return legend;
}

void check_classes(const DataConfig& config, const Classes& classes) {
  if (!config.values.empty()) {
    throw ConfigError(fmt::format(
        "data.values is set, but the masks of data.kind \"{}\" have fixed values; remove data.values",
        config.kind
    ));
  }
  if (config.classes.empty() || config.classes == classes.names) return;
  throw ConfigError(fmt::format(
      "data.classes is set, but data.kind \"{}\" has its own classes ({}: {}, ...); remove data.classes",
      config.kind, classes.size(), classes.names.front()
  ));
}

}  // namespace deeplab::data
