// SPDX-License-Identifier: Apache-2.0
#include "apps/scores_text.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

namespace deeplab::apps {

std::string scores_table(
    const engine::Scores& scores, const std::vector<std::string>& names
) {
  size_t width = 24;
  for (const auto& name : names) width = std::max(width, name.size() + 2);
  std::ostringstream text;
  text << std::fixed << std::setprecision(2);
  const auto line = [&](const std::string& name, std::optional<double> score) {
    text << std::left << std::setw(static_cast<int>(width)) << name
         << std::right << std::setw(7);
    if (score) {
      text << 100 * *score << '\n';
    } else {
      text << "-" << '\n';
    }
  };
  text << "IoU of each class, %\n";
  for (size_t k = 0; k < names.size(); ++k) {
    line("  " + names[k], scores.class_iou[k]);
  }
  line("mean IoU", scores.mean_iou);
  line("pixel accuracy", scores.pixel_accuracy);
  line("mean accuracy", scores.mean_accuracy);
  line("frequency-weighted IoU", scores.frequency_weighted_iou);
  return text.str();
}

Json scores_json(
    const engine::Scores& scores, const std::vector<std::string>& names
) {
  Json classes = Json::object();
  for (size_t k = 0; k < names.size(); ++k) {
    const auto& iou = scores.class_iou[k];
    classes[names[k]] = iou ? Json(*iou) : Json(nullptr);
  }
  return {
      {"mean_iou", scores.mean_iou},
      {"pixel_accuracy", scores.pixel_accuracy},
      {"mean_accuracy", scores.mean_accuracy},
      {"frequency_weighted_iou", scores.frequency_weighted_iou},
      {"class_iou", classes}};
}

}  // namespace deeplab::apps
