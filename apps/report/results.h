// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/config/grid.h"
#include "deeplab/metrics/bootstrap.h"
#include "deeplab/metrics/evaluation.h"

namespace deeplab::apps {

/// Lines of results.jsonl, one per finished cell of an ablation, by the ID of
/// the cell. Several processes may append to one file.
class ResultsLog {
 public:
  /// Reads the existing lines. An incomplete line, left by a killed process, is
  /// ignored.
  explicit ResultsLog(std::string path);

  /// Returns the last line of a cell, or null if there is none.
  const Json* find(const std::string& id) const;
  /// Returns true if the last line of a cell holds scores and not an error.
  bool is_done(const std::string& id) const;
  /// Throws: DataError if the file cannot be written.
  void append(const Json& line);

 private:
  std::string path_;
  std::map<std::string, Json> lines_;
};

/// Mean and standard deviation of a sample.
struct Spread {
  double mean = 0;
  /// Sample standard deviation; 0 for fewer than two values.
  double deviation = 0;
};
Spread spread_of(const std::vector<double>& values);

/// A score that tables show, and its JSON pointer in a line of results.jsonl.
struct ShownScore {
  const char* title;
  const char* pointer;
};
constexpr std::array<ShownScore, 4> kShownScores{{
    {"mIoU", "/evaluation/scores/mean_iou"},
    {"pixel accuracy", "/evaluation/scores/pixel_accuracy"},
    {"boundary IoU", "/evaluation/boundary/mean_iou"},
    {"boundary F", "/evaluation/boundary/mean_f"},
}};

/// A cost that the report and the tables show: a number under "cost" in a line
/// of results.jsonl, and how it is printed.
struct ShownCost {
  const char* key;
  /// With its unit, into which `factor` turns the number.
  const char* title;
  double factor;
  int digits;
  enum class Tables { kAll, kReportAndCsv } tables;
};
constexpr std::array<ShownCost, 5> kShownCosts{{
    {"parameters", "parameters, 1e6", 1e-6, 2,
     ShownCost::Tables::kReportAndCsv},
    {"multiply_adds", "multiply-adds, 1e9", 1e-9, 2, ShownCost::Tables::kAll},
    {"multiply_adds_paper_rule", "multiply-adds by the paper's rule, 1e9", 1e-9,
     2, ShownCost::Tables::kReportAndCsv},
    {"seconds_per_image", "ms an image", 1e3, 0,
     ShownCost::Tables::kReportAndCsv},
    {"peak_tensor_bytes", "peak of tensors, MiB", 1.0 / (1 << 20), 1,
     ShownCost::Tables::kReportAndCsv},
}};

/// Results of the cells that differ only in their seed.
struct ResultRow {
  std::string name;
  /// One value per column; empty if the row does not set the key.
  std::vector<std::string> values;
  Json paper;
  /// Folder names of the cell and the training run of the first seed.
  std::string cell_id;
  std::string training;
  /// Lines of results.jsonl, one per seed.
  std::vector<Json> results;
  /// Errors of the seeds that failed.
  std::vector<std::string> errors;
  /// Counts of each image, summed over seeds; empty if unknown.
  std::map<std::string, metrics::ImageCounts> images;
  /// Comparison with the reference row: this row's mean IoU minus the
  /// reference's. Empty for the reference row itself, and if the two did not
  /// score the same images.
  std::optional<metrics::Comparison> against_reference;

  /// Returns the name of the row or, if it has none, its values.
  std::string label() const;
  /// Returns the numbers at a JSON pointer for the seeds that have one.
  std::vector<double> numbers(const Json::json_pointer& where) const;
  std::optional<Spread> spread(const Json::json_pointer& where) const;
  std::optional<Spread> spread(const char* pointer) const {
    return spread(Json::json_pointer(pointer));
  }
  /// Returns the mean over the seeds, in the unit of results.jsonl; empty if no
  /// seed has the number.
  std::optional<double> cost(const ShownCost& cost) const;
};

/// Results of an ablation, ready to be shown.
struct ResultTable {
  std::string title;
  /// Source of the papers' values; may be empty.
  std::string paper;
  /// Keys that vary, without the seed.
  std::vector<std::string> columns;
  std::vector<ResultRow> rows;
  /// Index of the row with which the others are compared: in an ablation, the
  /// row with the highest mean IoU. rows.size() if there is none.
  size_t reference = 0;
};

/// Groups the cells of a grid by all values except train.seed. `counts_folder`
/// holds ID.json for each cell, with the counts of its images.
ResultTable make_table(
    const Grid& grid, const ResultsLog& log, const std::string& counts_folder
);

/// Return the table as Markdown, as LaTeX (booktabs), and as CSV with one line
/// per seed.
std::string markdown_table(const ResultTable& table);
std::string latex_table(const ResultTable& table);
std::string csv_table(const ResultTable& table);

}  // namespace deeplab::apps
