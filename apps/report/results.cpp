// SPDX-License-Identifier: Apache-2.0
#include "apps/report/results.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <sstream>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include "apps/report/evaluation_text.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

constexpr const char* kSeed = "train.seed";

std::string value_text(const Json& value) {
  if (value.is_null()) return "none";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Returns the keys that any cell sets, without the seed, in the order of first
/// occurrence.
std::vector<std::string> columns_of(const Grid& grid) {
  std::vector<std::string> columns;
  for (const auto& cell : grid.cells) {
    for (const auto& [key, value] : cell.values) {
      if (key != kSeed &&
          std::count(columns.begin(), columns.end(), key) == 0) {
        columns.push_back(key);
      }
    }
  }
  return columns;
}

std::vector<std::string> texts_of(
    const Cell& cell, const std::vector<std::string>& columns
) {
  std::vector<std::string> texts(columns.size());
  for (const auto& [key, value] : cell.values) {
    const auto column = std::find(columns.begin(), columns.end(), key);
    if (column != columns.end()) {
      texts[static_cast<size_t>(column - columns.begin())] = value_text(value);
    }
  }
  return texts;
}

void add_images(
    ResultRow& row, const Cell& cell, const std::string& counts_folder
) {
  const auto path = counts_folder + "/" + cell.id + ".json";
  if (!std::filesystem::exists(path)) return;
  const auto images = read_images_json(
      parse_json(read_file(path), path), cell.config.data.classes.size(), path
  );
  for (const auto& [name, counts] : images) {
    metrics::add_to(row.images[name], counts);
  }
}

/// Returns true if the line has been written to disk. Processes that append at
/// the same time wait for each other. If a killed process left an incomplete
/// line, it is ended with a line break first.
bool append_line(const std::string& path, const std::string& line) {
  const int file = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT, 0644);
  if (file < 0) return false;
  ::flock(file, LOCK_EX);
  char last = '\n';
  const auto size = ::lseek(file, 0, SEEK_END);
  const bool read = size <= 0 || ::pread(file, &last, 1, size - 1) == 1;
  const auto text = (last == '\n' ? "" : "\n") + line + "\n";
  const bool kept = read &&
                    ::write(file, text.data(), text.size()) ==
                        static_cast<ssize_t>(text.size()) &&
                    ::fsync(file) == 0;
  return ::close(file) == 0 && kept;
}

size_t find_best(const ResultTable& table) {
  size_t best = table.rows.size();
  double highest = -1;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const auto score = table.rows[i].spread(kShownScores[0].pointer);
    if (score && score->mean > highest) {
      highest = score->mean;
      best = i;
    }
  }
  return best;
}

bool same_images(const ResultRow& one, const ResultRow& other) {
  return !one.images.empty() &&
         std::equal(
             one.images.begin(), one.images.end(), other.images.begin(),
             other.images.end(),
             [](const auto& a, const auto& b) { return a.first == b.first; }
         );
}

void compare_with_best(ResultTable& table) {
  table.reference = find_best(table);
  if (table.reference == table.rows.size()) return;
  const auto& best = table.rows[table.reference];
  constexpr int64_t kRounds = 1000;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    auto& row = table.rows[i];
    if (i == table.reference || !same_images(row, best)) continue;
    row.against_reference =
        metrics::compare(best.images, row.images, kRounds, /*seed=*/0);
  }
}

}  // namespace

ResultsLog::ResultsLog(std::string path) : path_(std::move(path)) {
  if (!std::filesystem::exists(path_)) return;
  std::istringstream lines(read_file(path_));
  for (std::string line; std::getline(lines, line);) {
    auto json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && json.contains("id")) {
      const auto id = json["id"].get<std::string>();
      lines_[id] = std::move(json);
    }
  }
}

const Json* ResultsLog::find(const std::string& id) const {
  const auto found = lines_.find(id);
  return found == lines_.end() ? nullptr : &found->second;
}

bool ResultsLog::is_done(const std::string& id) const {
  const auto* line = find(id);
  return line != nullptr && line->contains("evaluation");
}

void ResultsLog::append(const Json& line) {
  if (!append_line(path_, line.dump())) {
    throw DataError(fmt::format("{}: cannot write (disk full?)", path_));
  }
  lines_[line.at("id").get<std::string>()] = line;
}

Spread spread_of(const std::vector<double>& values) {
  Spread spread;
  if (values.empty()) return spread;
  const auto count = static_cast<double>(values.size());
  spread.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  if (values.size() < 2) return spread;
  double sum = 0;
  for (const double value : values) {
    sum += (value - spread.mean) * (value - spread.mean);
  }
  spread.deviation = std::sqrt(sum / (count - 1));
  return spread;
}

std::string ResultRow::label() const {
  if (!name.empty()) return name;
  std::string label;
  for (const auto& value : values) {
    if (!value.empty()) label += (label.empty() ? "" : " / ") + value;
  }
  return label;
}

std::vector<double> ResultRow::numbers(const Json::json_pointer& where) const {
  std::vector<double> numbers;
  for (const auto& result : results) {
    if (result.contains(where) && result.at(where).is_number()) {
      numbers.push_back(result.at(where).get<double>());
    }
  }
  return numbers;
}

std::optional<Spread> ResultRow::spread(const Json::json_pointer& where) const {
  const auto found = numbers(where);
  if (found.empty()) return std::nullopt;
  return spread_of(found);
}

std::optional<double> ResultRow::cost(const ShownCost& cost) const {
  const auto found = spread(Json::json_pointer("/cost") / cost.key);
  if (!found) return std::nullopt;
  return found->mean;
}

ResultTable make_table(
    const Grid& grid, const ResultsLog& log, const std::string& counts_folder
) {
  ResultTable table;
  table.title = grid.title;
  table.paper = grid.paper;
  table.columns = columns_of(grid);
  std::map<std::vector<std::string>, size_t> row_of;
  for (const auto& cell : grid.cells) {
    const auto* line = log.find(cell.id);
    if (line == nullptr) continue;
    auto values = texts_of(cell, table.columns);
    auto key = values;
    key.push_back(cell.name);
    const auto [found, fresh] = row_of.emplace(key, table.rows.size());
    if (fresh) {
      ResultRow row;
      row.name = cell.name;
      row.values = std::move(values);
      row.paper = cell.paper;
      row.cell_id = cell.id;
      row.training = cell.training_id;
      table.rows.push_back(std::move(row));
    }
    auto& row = table.rows[found->second];
    if (log.is_done(cell.id)) {
      row.results.push_back(*line);
      add_images(row, cell, counts_folder);
    } else {
      row.errors.push_back(line->value("error", "unknown error"));
    }
  }
  compare_with_best(table);
  return table;
}

}  // namespace deeplab::apps
