// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "apps/results.h"
#include "data/classes.h"

namespace deeplab::apps {

/// All that a report shows.
struct Report {
  ResultTable table;
  /// What was scored, for the paper's values to be told from ours.
  std::string data;
  data::Classes classes;
  /// For each row: the folder of its predicted masks, ID.png; empty: not
  /// pictured. And its training's metrics.jsonl.
  std::vector<std::string> masks;
  std::vector<std::string> metrics;
  /// Images that are pictured: names without ending, found as ID.jpg and
  /// ID.png (truth) under `pictures`.
  std::vector<std::string> ids;
  std::string pictures;
};

/// One page with table, charts and pictures, which needs nothing outside the
/// file. Pictures that are not there are left out.
std::string html_page(const Report& report);

}  // namespace deeplab::apps
