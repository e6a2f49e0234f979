// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/grid.h"
#include "deeplab/engine/bootstrap.h"
#include "deeplab/engine/evaluation.h"

namespace deeplab::apps {

/// Lines of results.jsonl, one a finished cell, by the cell's id. Several
/// processes may append to one file.
class ResultsLog {
 public:
  /// Reads what is there. A line that a killed process left unfinished is
  /// passed over.
  explicit ResultsLog(std::string path);

  /// The last line of a cell; nullptr: none.
  const Json* find(const std::string& id) const;
  /// Whether a cell's last line holds scores, and not an error.
  bool is_done(const std::string& id) const;
  /// Throws: DataError where the file cannot be written.
  void append(const Json& line);

 private:
  std::string path_;
  std::map<std::string, Json> lines_;
};

/// Mean and standard deviation of a sample.
struct Spread {
  double mean = 0;
  /// 0 with fewer than two values.
  double deviation = 0;
};
Spread spread_of(const std::vector<double>& values);

/// Cells that differ only in their seed.
struct ResultRow {
  std::string name;
  /// One a column; empty where the row does not set the key.
  std::vector<std::string> values;
  Json paper;
  /// Folders' names of the first seed's cell and training.
  std::string cell_id;
  std::string training;
  /// Lines of results.jsonl, one a seed.
  std::vector<Json> results;
  /// Of the seeds that failed.
  std::vector<std::string> errors;
  /// Counts of each image, seeds added; empty where they are not known.
  std::map<std::string, engine::ImageCounts> images;
  /// Against the reference row; nothing for that row itself, and where the
  /// two did not score the same images.
  std::optional<engine::Comparison> against_reference;

  /// The name, or else the values.
  std::string label() const;
  /// The numbers at a JSON pointer, of the seeds that have one.
  std::vector<double> numbers(const Json::json_pointer& where) const;
  std::optional<Spread> spread(const Json::json_pointer& where) const;
  std::optional<Spread> spread(const char* pointer) const {
    return spread(Json::json_pointer(pointer));
  }
};

/// An ablation's results, ready to be shown.
struct ResultTable {
  std::string title;
  /// Source of the papers' values; may be empty.
  std::string paper;
  /// Keys that vary, the seed left out.
  std::vector<std::string> columns;
  std::vector<ResultRow> rows;
  /// The row that others are compared with, the one with the highest mean IoU
  /// in an ablation; rows.size(): none.
  size_t reference = 0;
};

/// A score that tables show, as it stands in a line of results.jsonl.
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
constexpr const char* kMultiplyAdds = "/cost/multiply_adds";
constexpr const char* kPaperMultiplyAdds = "/cost/multiply_adds_paper_rule";

/// Groups a grid's cells by all values but train.seed. `counts_folder` holds
/// ID.json, the counts of each cell's images.
ResultTable make_table(
    const Grid& grid, const ResultsLog& log, const std::string& counts_folder
);

/// The table for people, for LaTeX (booktabs), and one line a seed for
/// programs.
std::string markdown_table(const ResultTable& table);
std::string latex_table(const ResultTable& table);
std::string csv_table(const ResultTable& table);

}  // namespace deeplab::apps
