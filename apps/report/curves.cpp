// SPDX-License-Identifier: Apache-2.0
#include "apps/report/curves.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include <fmt/core.h>

#include "apps/config/run_config.h"
#include "apps/config/run_files.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

/// Appends the number at a key if the line has one.
void append_number(
    const Json& line, const char* key, int64_t iteration, Curve& curve
) {
  const auto found = line.find(key);
  if (found == line.end() || found->is_null()) return;
  if (!found->is_number()) {
    throw DataError(
        fmt::format("{} is {}; must be a number", key, found->dump())
    );
  }
  const auto value = found->get<double>();
  if (std::isfinite(value)) curve.push_back({iteration, value});
}

void check_class_scores(const Json& validation) {
  const auto classes = validation.find("class_iou");
  const bool is_right =
      classes != validation.end() && classes->is_object() &&
      std::all_of(classes->begin(), classes->end(), [](const Json& value) {
        return value.is_number() || value.is_null();
      });
  if (!is_right) {
    throw DataError("validation.class_iou must hold a number for each class");
  }
}

/// Throws: DataError without the position of the line, which the caller adds.
void append_to_run(const Json& line, RunCurves& run) {
  if (!line.is_object()) {
    throw DataError("not a JSON object as written by deeplab train");
  }
  const auto iteration = line.find("iteration");
  if (iteration == line.end() || !iteration->is_number_integer()) {
    throw DataError("iteration must be a whole number");
  }
  const auto at = iteration->get<int64_t>();
  append_number(line, "loss", at, run.loss);
  append_number(line, "learning_rate", at, run.learning_rate);
  const auto validation = line.find("validation");
  if (validation == line.end()) return;
  if (!validation->is_object()) {
    throw DataError("validation must be an object");
  }
  check_class_scores(*validation);
  append_number(*validation, "mean_iou", at, run.mean_iou);
  append_number(*validation, "pixel_accuracy", at, run.pixel_accuracy);
  run.last_validation = line;
}

void read_metrics(const std::string& path, RunCurves& run) {
  const auto text = read_file(path);
  int64_t number = 0;
  for (size_t start = 0; start < text.size();) {
    ++number;
    const size_t end = text.find('\n', start);
    const bool is_whole = end != std::string::npos;
    const auto line = Json::parse(
        text.substr(start, is_whole ? end - start : end), nullptr, false
    );
    // A killed run may leave an incomplete last line.
    if (!is_whole && line.is_discarded()) break;
    try {
      append_to_run(line, run);
    } catch (const DataError& error) {
      throw DataError(fmt::format("{}: line {}: {}", path, number, error.what())
      );
    }
    start = is_whole ? end + 1 : text.size();
  }
  if (run.loss.empty() && run.mean_iou.empty()) {
    throw DataError(fmt::format("{}: contains no iteration yet", path));
  }
}

RunCurves read_run(const std::string& folder) {
  if (!fs::is_directory(folder)) {
    throw DataError(fmt::format("{}: no such folder", folder));
  }
  const RunFiles files(folder);
  if (!fs::exists(files.metrics)) {
    throw DataError(fmt::format(
        "{}: holds no metrics.jsonl; name a folder that deeplab train wrote",
        folder
    ));
  }
  RunCurves run;
  run.name = folder;
  read_metrics(files.metrics, run);
  if (fs::exists(files.config)) {
    run.config = parse_json(read_file(files.config), files.config);
  }
  return run;
}

/// Returns the last part of a path, also for "." and "a/b/".
std::string folder_name(const std::string& path) {
  auto whole = fs::absolute(path).lexically_normal();
  if (whole.filename().empty()) whole = whole.parent_path();
  return whole.filename().string();
}

void shorten_names(std::vector<RunCurves>& runs) {
  std::set<std::string> names;
  for (const auto& run : runs) names.insert(folder_name(run.name));
  if (names.size() < runs.size()) return;
  for (auto& run : runs) run.name = folder_name(run.name);
}

/// Returns a key without list indices at its end: "a.b" for "a.b.0.1".
std::string without_places(const std::string& key) {
  constexpr const char* kDigits = "0123456789";
  const size_t dot = key.rfind('.');
  const bool is_place =
      dot != std::string::npos && dot + 1 < key.size() &&
      key.find_first_not_of(kDigits, dot + 1) == std::string::npos;
  return is_place ? without_places(key.substr(0, dot)) : key;
}

std::string setting(const Json& config, const std::string& key) {
  std::string pointer = "/" + key;
  std::replace(pointer.begin(), pointer.end(), '.', '/');
  const Json::json_pointer where(pointer);
  if (config.is_null() || !config.contains(where)) return "-";
  const auto& value = config.at(where);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

std::vector<RunCurves> read_runs(const std::vector<std::string>& folders) {
  std::vector<RunCurves> runs;
  runs.reserve(folders.size());
  for (const auto& folder : folders) runs.push_back(read_run(folder));
  shorten_names(runs);
  return runs;
}

Curve smoothed(const Curve& curve, double keep) {
  Curve result;
  double mean = 0;
  double weight = 0;
  for (const auto& point : curve) {
    weight = keep * weight + 1;
    mean += (point.value - mean) / weight;
    result.push_back({point.iteration, mean});
  }
  return result;
}

Curve thinned(const Curve& curve, size_t most) {
  if (curve.size() <= most) return curve;
  // Each section gives two points; the ends of the curve are added.
  const size_t stretches = (most - 2) / 2;
  Curve result{curve.front()};
  const auto less = [](const CurvePoint& one, const CurvePoint& other) {
    return one.value < other.value;
  };
  const auto place = [&](size_t stretch) {
    return curve.begin() +
           static_cast<std::ptrdiff_t>(stretch * curve.size() / stretches);
  };
  for (size_t i = 0; i < stretches; ++i) {
    const auto [lowest, highest] =
        std::minmax_element(place(i), place(i + 1), less);
    result.push_back(*std::min(lowest, highest));
    if (lowest != highest) result.push_back(*std::max(lowest, highest));
  }
  result.push_back(curve.back());
  return result;
}

std::array<uint8_t, 3> run_color(size_t index) {
  constexpr std::array<std::array<uint8_t, 3>, 10> kColors{
      {{0x4e, 0x79, 0xa7},
       {0xf2, 0x8e, 0x2b},
       {0x59, 0xa1, 0x4f},
       {0xe1, 0x57, 0x59},
       {0xb0, 0x7a, 0xa1},
       {0x76, 0xb7, 0xb2},
       {0xed, 0xc9, 0x48},
       {0xff, 0x9d, 0xa7},
       {0x9c, 0x75, 0x5f},
       {0x8a, 0x8f, 0x98}}};
  return kColors.at(index % kColors.size());
}

std::vector<DifferingKey> differing_settings(const std::vector<RunCurves>& runs
) {
  std::set<std::string> keys;
  const Json* first = nullptr;
  for (const auto& run : runs) {
    if (run.config.is_null()) continue;
    if (first == nullptr) first = &run.config;
    for (const auto& key : differing_keys(*first, run.config)) {
      keys.insert(without_places(key));
    }
  }
  std::vector<DifferingKey> differing;
  for (const auto& key : keys) {
    differing.push_back({key, {}});
    for (const auto& run : runs) {
      differing.back().values.push_back(setting(run.config, key));
    }
  }
  return differing;
}

}  // namespace deeplab::apps
