// SPDX-License-Identifier: Apache-2.0
#include "apps/report/curves_page.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "apps/report/assets.h"
#include "apps/report/html.h"
#include "deeplab/core/version.h"

namespace deeplab::apps {
namespace {

/// Returns the points as [iteration, value], thinned to what a screen can show.
Json points_json(const Curve& curve) {
  constexpr size_t kShown = 1200;
  Json points = Json::array();
  for (const auto& point : thinned(curve, kShown)) {
    points.push_back({point.iteration, point.value});
  }
  return points;
}

std::string css_color(size_t index) {
  std::ostringstream text;
  text << '#' << std::hex << std::setfill('0');
  for (const int level : run_color(index)) text << std::setw(2) << level;
  return text.str();
}

/// Returns the class names of all runs in the order of first occurrence.
std::vector<std::string> class_names(const std::vector<RunCurves>& runs) {
  std::vector<std::string> names;
  for (const auto& run : runs) {
    if (run.last_validation.is_null()) continue;
    for (const auto& item :
         run.last_validation["validation"]["class_iou"].items()) {
      if (std::count(names.begin(), names.end(), item.key()) == 0) {
        names.push_back(item.key());
      }
    }
  }
  return names;
}

}  // namespace

std::string curves_page(const std::vector<RunCurves>& runs, double keep) {
  Json shown = Json::array();
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto& run = runs[i];
    shown.push_back(
        {{"name", run.name},
         {"color", css_color(i)},
         {"loss", points_json(run.loss)},
         {"smoothed_loss", points_json(smoothed(run.loss, keep))},
         {"learning_rate", points_json(run.learning_rate)},
         {"mean_iou", points_json(run.mean_iou)},
         {"pixel_accuracy", points_json(run.pixel_accuracy)},
         {"last", run.last_validation}}
    );
  }
  Json differing = Json::array();
  for (const auto& one : differing_settings(runs)) {
    differing.push_back({{"key", one.key}, {"values", one.values}});
  }
  const std::string title = "Training curves";
  return html_document(
      title,
      {{"title", title},
       {"version", kVersion},
       {"smooth", keep},
       {"runs", shown},
       {"classes", class_names(runs)},
       {"differing", differing}},
      kCurvesScript
  );
}

}  // namespace deeplab::apps
