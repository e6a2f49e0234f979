// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "apps/report/results.h"
#include "data/dataset/classes.h"

namespace deeplab::apps {

/// Everything that a report shows.
struct Report {
  ResultTable table;
  /// Kind of the data that was scored, shown so that our scores are not taken
  /// for the paper's.
  std::string data;
  Classes classes;
  /// For each row, the folder of its predicted masks (ID.png), or empty if the
  /// row has no pictures; and the metrics.jsonl of its training run.
  std::vector<std::string> masks;
  std::vector<std::string> metrics;
  /// IDs of the images to show. `pictures` is the folder with each photo as
  /// ID.jpg and its true labels as ID.png.
  std::vector<std::string> ids;
  std::string pictures;
};

/// Returns a self-contained HTML page with table, charts and pictures. Pictures
/// whose files are missing are left out.
std::string html_page(const Report& report);

}  // namespace deeplab::apps
