// SPDX-License-Identifier: Apache-2.0
#include "apps/config/grid.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iomanip>
#include <set>
#include <sstream>

#include <fmt/core.h>

#include "data/kinds.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::apps {
namespace {

using Values = std::vector<std::pair<std::string, Json>>;

/// One item of the grid's "rows", before the axes are applied.
struct Row {
  std::string name;
  Values values;
  Json paper;
};

void check_keys(
    const Json& object,
    const std::vector<std::string>& known,
    const std::string& subject
) {
  if (!object.is_object()) {
    throw ConfigError(fmt::format("{}: expected an object", subject));
  }
  for (const auto& item : object.items()) {
    if (std::count(known.begin(), known.end(), item.key()) > 0) continue;
    throw ConfigError(fmt::format(
        "{}: {} is not a known key{}; known: {}", subject, item.key(),
        suggest_name(item.key(), known), list_names(known)
    ));
  }
}

std::string text_of(
    const Json& object, const char* key, const std::string& subject
) {
  const auto found = object.find(key);
  if (found == object.end()) return "";
  if (found->is_string()) return found->get<std::string>();
  throw ConfigError(
      fmt::format("{}: {} is {}; expected text", subject, key, found->dump())
  );
}

std::string full_key(const std::string& key) {
  return key == "crf" ? "evaluate.crf" : key;
}

Json axes_of(const Json& grid, const std::string& path) {
  auto axes = grid.value("axes", Json::object());
  if (!axes.is_object()) {
    throw ConfigError(fmt::format(
        "{}: axes must be an object of lists, e.g. {{\"model.decoder\": [\"none\", \"v3plus\"]}}",
        path
    ));
  }
  for (const auto& axis : axes.items()) {
    if (axis.value().is_array() && !axis.value().empty()) continue;
    throw ConfigError(fmt::format(
        "{}: axes.{} must be a list that is not empty", path, axis.key()
    ));
  }
  return axes;
}

std::vector<Row> rows_of(const Json& grid, const std::string& path) {
  const auto list = grid.value("rows", Json::array());
  if (!list.is_array()) {
    throw ConfigError(fmt::format("{}: rows must be a list of objects", path));
  }
  std::vector<Row> rows;
  for (size_t i = 0; i < list.size(); ++i) {
    const auto subject = fmt::format("{}: rows[{}]", path, i);
    check_keys(list[i], {"name", "set", "paper"}, subject);
    Row row;
    row.name = text_of(list[i], "name", subject);
    row.paper = list[i].value("paper", Json());
    if (!row.paper.is_null()) {
      check_keys(row.paper, {"mean_iou", "multiply_adds"}, subject + ".paper");
      for (const auto& item : row.paper.items()) {
        if (item.value().is_number()) continue;
        throw ConfigError(
            fmt::format("{}.paper.{} must be a number", subject, item.key())
        );
      }
    }
    const auto set = list[i].value("set", Json::object());
    if (!set.is_object()) {
      throw ConfigError(fmt::format("{}.set must be an object", subject));
    }
    for (const auto& item : set.items()) {
      row.values.emplace_back(full_key(item.key()), item.value());
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) rows.emplace_back();
  return rows;
}

/// The grid's "exclude": which cells to leave out.
class Exclusions {
 public:
  Exclusions(const Json& grid, std::string path) : path_(std::move(path)) {
    const auto list = grid.value("exclude", Json::array());
    if (!list.is_array()) {
      throw ConfigError(
          fmt::format("{}: exclude must be a list of objects", path_)
      );
    }
    for (const auto& one : list) {
      if (!one.is_object() || one.empty()) {
        throw ConfigError(fmt::format(
            "{}: exclude contains {}; expected an object that is not empty",
            path_, one.dump()
        ));
      }
      list_.push_back(one);
    }
    used_.resize(list_.size());
  }

  bool holds(const Values& values) {
    bool excluded = false;
    for (size_t i = 0; i < list_.size(); ++i) {
      const bool all = std::all_of(
          list_[i].items().begin(), list_[i].items().end(),
          [&](const auto& item) {
            const std::pair<std::string, Json> wanted{
                full_key(item.key()), item.value()};
            return std::count(values.begin(), values.end(), wanted) > 0;
          }
      );
      if (all) used_[i] = true;
      excluded = excluded || all;
    }
    return excluded;
  }

  /// Throws: ConfigError naming an exclusion that matched no cell, which is
  ///         probably a typing error.
  void check_used() const {
    for (size_t i = 0; i < list_.size(); ++i) {
      if (used_[i]) continue;
      throw ConfigError(fmt::format(
          "{}: exclude[{}] {} matches no cell; remove it or correct its values",
          path_, i, list_[i].dump()
      ));
    }
  }

 private:
  std::string path_;
  std::vector<Json> list_;
  std::vector<bool> used_;
};

/// Changes a config key by key. Unlike merge_patch(), it stores null as a
/// value, and if `model` is the name of a preset, an object for `model` changes
/// keys of that preset.
void change(Json& config, const Json& changes) {
  for (const auto& item : changes.items()) {
    auto& own = config[item.key()];
    if (item.key() == "model" && own.is_string() && item.value().is_object()) {
      own = Json{{"preset", own}};
    }
    if (own.is_object() && item.value().is_object()) {
      change(own, item.value());
    } else {
      own = item.value();
    }
  }
}

/// Returns the base config. In the grid, it is an object, the name of a file in
/// the same folder, or a list of these.
Json base_of(const Json& base, const std::string& path) {
  if (base.is_object()) return base;
  if (base.is_array()) {
    Json merged = Json::object();
    for (const auto& part : base) change(merged, base_of(part, path));
    return merged;
  }
  if (!base.is_string()) {
    throw ConfigError(fmt::format(
        "{}: base is {}; expected an object, a file's name, or a list of them",
        path, base.dump()
    ));
  }
  const auto file =
      std::filesystem::path(path).parent_path() / base.get<std::string>();
  return parse_json(read_file(file.string()), file.string());
}

Cell make_cell(const Json& base, Values values) {
  Json json = base;
  for (const auto& [key, value] : values) set_key(json, key, value);
  Cell cell;
  cell.values = std::move(values);
  cell.config = read_run_config(json);
  const auto classes = data::classes_of(cell.config.data);
  validate(cell.config, classes.size());
  record_classes(cell.config, classes);
  const auto training = training_config(cell.config);
  auto training_json = write_config(training);
  training_json.erase("evaluate");
  cell.training_id = hash_text(training_json.dump());
  cell.data_id = hash_text(write_config(training.data).dump());
  cell.id =
      hash_text(cell.training_id + write_config(cell.config.evaluate).dump());
  return cell;
}

/// Throws: ConfigError if a row and an axis set the same key.
void check_separate(
    const Values& row, const Values& axes, const std::string& path
) {
  for (const auto& [key, value] : row) {
    for (const auto& [other, axis] : axes) {
      if (key != other) continue;
      throw ConfigError(fmt::format(
          "{}: {} is set by both a row and an axis; remove one of them", path,
          key
      ));
    }
  }
}

std::vector<Values> combinations_of(const Json& axes) {
  std::vector<Values> combinations(1);
  for (const auto& axis : axes.items()) {
    std::vector<Values> longer;
    for (const auto& combination : combinations) {
      for (const auto& value : axis.value()) {
        longer.push_back(combination);
        longer.back().emplace_back(full_key(axis.key()), value);
      }
    }
    combinations = std::move(longer);
  }
  return combinations;
}

}  // namespace

std::string hash_text(const std::string& text) {
  // FNV-1a, 64 bit.
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char byte : text) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  }
  std::ostringstream name;
  name << std::hex << std::setfill('0') << std::setw(16) << hash;
  return name.str();
}

Grid read_grid(const std::string& path) {
  const auto json = parse_json(read_file(path), path);
  check_keys(json, {"title", "base", "axes", "rows", "exclude", "paper"}, path);
  Grid grid;
  grid.title = text_of(json, "title", path);
  if (grid.title.empty()) grid.title = "Ablation " + path;
  grid.paper = text_of(json, "paper", path);
  const auto axes = axes_of(json, path);
  const auto rows = rows_of(json, path);
  if (axes.empty() && json.value("rows", Json::array()).empty()) {
    throw ConfigError(fmt::format(
        "{}: nothing varies; give axes, e.g. {{\"model.decoder\": [\"none\", \"v3plus\"]}}, or rows",
        path
    ));
  }
  const auto base = base_of(json.value("base", Json(Json::object())), path);
  Exclusions exclusions(json, path);
  std::set<std::string> ids;
  for (const auto& combination : combinations_of(axes)) {
    for (const auto& row : rows) {
      auto values = row.values;
      check_separate(values, combination, path);
      values.insert(values.end(), combination.begin(), combination.end());
      if (exclusions.holds(values)) continue;
      try {
        auto cell = make_cell(base, std::move(values));
        cell.name = row.name;
        cell.paper = row.paper;
        if (!ids.insert(cell.id).second) {
          throw ConfigError(fmt::format(
              "two cells are the same: {}",
              row.name.empty() ? Json(cell.values).dump() : row.name
          ));
        }
        grid.cells.push_back(std::move(cell));
      } catch (const ConfigError& error) {
        throw ConfigError(fmt::format("{}: {}", path, error.what()));
      }
    }
  }
  exclusions.check_used();
  if (grid.cells.empty()) {
    throw ConfigError(fmt::format("{}: every cell is excluded", path));
  }
  return grid;
}

RunConfig training_config(const RunConfig& config) {
  RunConfig training = config;
  training.evaluate = {};
  training.data.workers = data::DataConfig{}.workers;
  training.data.prefetch = data::DataConfig{}.prefetch;
  return training;
}

}  // namespace deeplab::apps
