// SPDX-License-Identifier: Apache-2.0
#include "apps/report/evaluation_text.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <optional>
#include <sstream>

#include <fmt/core.h>

#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

Json number_or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json by_class(
    const std::vector<std::optional<double>>& values,
    const std::vector<std::string>& names
) {
  Json result = Json::object();
  for (size_t k = 0; k < names.size(); ++k) {
    result[names[k]] = number_or_null(values[k]);
  }
  return result;
}

Json confusion_json(const torch::Tensor& counts) {
  Json rows = Json::array();
  for (int64_t row = 0; row < counts.size(0); ++row) {
    const auto* first = counts[row].data_ptr<int64_t>();
    rows.push_back(std::vector<int64_t>(first, first + counts.size(1)));
  }
  return rows;
}

metrics::ImageCounts read_counts(const Json& json, size_t num_classes) {
  metrics::ImageCounts counts(num_classes);
  for (const auto& item : json.items()) {
    auto& own = counts.at(std::stoul(item.key()));
    const auto fields = fields_of(own);
    for (size_t i = 0; i < fields.size(); ++i) {
      *fields[i] = item.value().at(i).get<int64_t>();
    }
  }
  return counts;
}

}  // namespace

Json scores_json(
    const metrics::Scores& scores, const std::vector<std::string>& names
) {
  return {
      {"mean_iou", scores.mean_iou},
      {"pixel_accuracy", scores.pixel_accuracy},
      {"mean_accuracy", scores.mean_accuracy},
      {"frequency_weighted_iou", scores.frequency_weighted_iou},
      {"class_iou", by_class(scores.class_iou, names)}};
}

Json evaluation_json(
    const metrics::Evaluation& evaluation, const std::vector<std::string>& names
) {
  const auto details = evaluation.details();
  Json trimap = Json::object();
  for (const auto& [width, iou] : evaluation.trimap()) {
    trimap[std::to_string(width)] = iou;
  }
  Json sizes = Json::object();
  for (size_t i = 0; i < metrics::kRegionSizes; ++i) {
    sizes[metrics::kRegionNames[i]] = number_or_null(details.found_by_size[i]);
  }
  return {
      {"scores", scores_json(evaluation.scores(), names)},
      {"trimap_mean_iou", trimap},
      {"boundary",
       {{"mean_iou", details.mean_boundary_iou},
        {"mean_f", details.mean_boundary_f},
        {"class_iou", by_class(details.class_boundary_iou, names)},
        {"class_f", by_class(details.class_boundary_f, names)}}},
      {"found_by_size", sizes},
      {"confusion", confusion_json(evaluation.confusion().counts())}};
}

std::string counts_warning(
    const metrics::ConfusionMatrix& counted,
    const std::vector<std::string>& names
) {
  const auto predicted = counted.counts().sum(0);
  if (predicted.sum().item<int64_t>() == 0) {
    return "warning: every pixel is void, so the scores are meaningless (deeplab data check shows which labels occur)";
  }
  if (predicted.count_nonzero().item<int64_t>() != 1) return "";
  const auto only = static_cast<size_t>(predicted.argmax().item<int64_t>());
  return fmt::format(
      "warning: every pixel is predicted as {}; if this does not change, train longer or from weights (--init-from), or set train.class_weights (deeplab data check --out computes them)",
      names.at(only)
  );
}

Json images_json(const std::map<std::string, metrics::ImageCounts>& images) {
  Json result = Json::object();
  for (const auto& [name, counts] : images) {
    Json classes = Json::object();
    for (size_t k = 0; k < counts.size(); ++k) {
      if (counts[k].in_truth + counts[k].in_prediction == 0) continue;
      Json values = Json::array();
      for (const auto* field : fields_of(counts[k])) values.push_back(*field);
      classes[std::to_string(k)] = values;
    }
    result[name] = classes;
  }
  return result;
}

std::map<std::string, metrics::ImageCounts> read_images_json(
    const Json& json, size_t num_classes, const std::string& subject
) {
  std::map<std::string, metrics::ImageCounts> images;
  try {
    for (const auto& item : json.items()) {
      images[item.key()] = read_counts(item.value(), num_classes);
    }
  } catch (const std::exception& error) {
    throw DataError(fmt::format("{}: damaged counts: {}", subject, error.what())
    );
  }
  return images;
}

std::string evaluation_table(
    const metrics::Evaluation& evaluation, const std::vector<std::string>& names
) {
  const auto scores = evaluation.scores();
  const auto details = evaluation.details();
  size_t width = 26;
  for (const auto& name : names) width = std::max(width, name.size() + 2);
  std::ostringstream text;
  text << std::fixed << std::setprecision(2);
  const auto cell = [&](const std::optional<double>& score) {
    text << std::setw(10);
    if (score) {
      text << 100 * *score;
    } else {
      text << "-";
    }
  };
  const auto title = [&](const std::string& name) {
    text << std::left << std::setw(static_cast<int>(width)) << name
         << std::right;
  };
  const auto line = [&](const std::string& name,
                        const std::optional<double>& score) {
    title(name);
    cell(score);
    text << '\n';
  };
  title("class, %");
  text << std::setw(10) << "IoU" << std::setw(10) << "boundary" << std::setw(10)
       << "F" << '\n';
  for (size_t k = 0; k < names.size(); ++k) {
    title("  " + names[k]);
    cell(scores.class_iou[k]);
    cell(details.class_boundary_iou[k]);
    cell(details.class_boundary_f[k]);
    text << '\n';
  }
  title("mean IoU");
  cell(scores.mean_iou);
  cell(details.mean_boundary_iou);
  cell(details.mean_boundary_f);
  text << '\n';
  line("pixel accuracy", scores.pixel_accuracy);
  line("mean accuracy", scores.mean_accuracy);
  line("frequency-weighted IoU", scores.frequency_weighted_iou);
  for (size_t i = 0; i < metrics::kRegionSizes; ++i) {
    line(
        fmt::format("{} objects found", metrics::kRegionNames[i]),
        details.found_by_size[i]
    );
  }
  for (const auto& [band, iou] : evaluation.trimap()) {
    line(fmt::format("mean IoU within {} px", band), iou);
  }
  return text.str();
}

}  // namespace deeplab::apps
