// SPDX-License-Identifier: Apache-2.0
#include "apps/grid.h"

#include <filesystem>
#include <iomanip>
#include <sstream>

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

/// FNV-1a, 64 bit: short names for folders.
std::string hash_text(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char byte : text) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  }
  std::ostringstream name;
  name << std::hex << std::setfill('0') << std::setw(16) << hash;
  return name.str();
}

Json axes_of(const Json& grid, const std::string& path) {
  if (!grid.is_object()) throw ConfigError(str(path, ": expected an object"));
  for (const auto& item : grid.items()) {
    if (item.key() == "base" || item.key() == "axes") continue;
    throw ConfigError(
        str(path, ": ", item.key(), " is not a known key; known: base, axes")
    );
  }
  const auto axes = grid.value("axes", Json::object());
  if (!axes.is_object() || axes.empty()) {
    throw ConfigError(
        str(path,
            ": axes must be an object of lists, e.g. "
            "{\"model.decoder\": [\"none\", \"v3plus\"]}")
    );
  }
  for (const auto& axis : axes.items()) {
    if (axis.value().is_array() && !axis.value().empty()) continue;
    throw ConfigError(
        str(path, ": axes.", axis.key(), " must be a list that is not empty")
    );
  }
  return axes;
}

/// The base config: written out in the grid, or the name of a file beside it.
Json base_of(const Json& grid, const std::string& path) {
  const auto base = grid.value("base", Json(Json::object()));
  if (base.is_object()) return base;
  if (!base.is_string()) {
    throw ConfigError(str(
        path, ": base is ", base.dump(), "; expected an object or a file's name"
    ));
  }
  const auto file =
      std::filesystem::path(path).parent_path() / base.get<std::string>();
  return parse_json(read_file(file.string()), file.string());
}

Cell make_cell(
    const Json& base, std::vector<std::pair<std::string, Json>> values
) {
  Json json = base;
  for (const auto& [key, value] : values) set_key(json, key, value);
  Cell cell;
  cell.values = std::move(values);
  cell.config = read_run_config(json);
  const auto classes = data::classes_of(cell.config.data);
  validate(cell.config, classes.size());
  record_classes(cell.config, classes);
  const auto training = training_config(cell.config);
  cell.training_id = hash_text(write_config(training).dump());
  cell.data_id = hash_text(write_config(training.data).dump());
  cell.id =
      hash_text(cell.training_id + write_config(cell.config.evaluate).dump());
  return cell;
}

}  // namespace

std::vector<Cell> expand_grid(const std::string& path) {
  const auto grid = parse_json(read_file(path), path);
  const auto axes = axes_of(grid, path);
  std::vector<std::vector<std::pair<std::string, Json>>> combinations(1);
  for (const auto& axis : axes.items()) {
    std::vector<std::vector<std::pair<std::string, Json>>> longer;
    for (const auto& combination : combinations) {
      for (const auto& value : axis.value()) {
        longer.push_back(combination);
        longer.back().emplace_back(axis.key(), value);
      }
    }
    combinations = std::move(longer);
  }
  const auto base = base_of(grid, path);
  std::vector<Cell> cells;
  for (auto& combination : combinations) {
    try {
      cells.push_back(make_cell(base, std::move(combination)));
    } catch (const ConfigError& error) {
      throw ConfigError(str(path, ": ", error.what()));
    }
  }
  return cells;
}

RunConfig training_config(const RunConfig& config) {
  RunConfig training = config;
  training.evaluate = {};
  training.data.workers = data::DataConfig{}.workers;
  training.data.prefetch = data::DataConfig{}.prefetch;
  return training;
}

}  // namespace deeplab::apps
