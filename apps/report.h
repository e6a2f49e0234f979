// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/classes.h"
#include "deeplab/core/config_io.h"

namespace deeplab::apps {

/// Cells that differ only in their seed, as one line of a table.
struct ReportRow {
  /// Value of each axis but the seed, as text.
  std::vector<std::string> values;
  /// One score a seed, in 0..1.
  std::vector<double> mean_ious;
  std::vector<double> pixel_accuracies;
  /// Folder of the first seed's predicted masks; empty: not pictured.
  std::string masks;

  double mean() const;
  /// Of mean_ious: standard deviation of a sample; 0 with fewer than two.
  double deviation() const;
};

/// All that a report shows.
struct Report {
  std::string title;
  /// Names of the axes but the seed.
  std::vector<std::string> axes;
  std::vector<ReportRow> rows;
  data::Classes classes;
  /// Images that are pictured: names without ending, found as ID.jpg and
  /// ID.png (truth) under `pictures`, and as ID.png under each row's `masks`.
  std::vector<std::string> ids;
  std::string pictures;
};

/// Groups the lines of results.jsonl by all axes but train.seed.
std::vector<ReportRow> group_rows(
    const std::vector<Json>& results, std::vector<std::string>& axes
);

/// The table in Markdown.
std::string markdown_table(const Report& report);

/// One page with table, chart and pictures, all inside the file.
/// Pictures that are not there are left out.
std::string html_page(const Report& report);

}  // namespace deeplab::apps
