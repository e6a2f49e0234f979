// SPDX-License-Identifier: Apache-2.0
#include "apps/report/page.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "apps/pictures/overlay.h"
#include "apps/report/assets.h"
#include "apps/report/html.h"
#include "data/files/image_file.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/core/version.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

std::string base64(const std::string& bytes) {
  constexpr const char* kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k) {
      const auto byte = k < count ? static_cast<unsigned char>(bytes[i + k])
                                  : static_cast<unsigned char>(0);
      bits = (bits << 8U) | byte;
    }
    for (size_t k = 0; k < 4; ++k) {
      text += k <= count ? kLetters[(bits >> (18U - 6U * k)) & 63U] : '=';
    }
  }
  return text;
}

std::string data_url(const std::string& bytes, const char* kind) {
  return std::string("data:image/") + kind + ";base64," + base64(bytes);
}

std::string png_url(const cv::Mat& image) {
  return data_url(data::encode_image(image, ".png"), "png");
}

/// Draws correct pixels dark, wrong pixels red and void white.
cv::Mat draw_errors(const cv::Mat& truth, const cv::Mat& prediction) {
  const cv::Vec3b right(64, 56, 48);
  const cv::Vec3b wrong(60, 60, 230);
  const cv::Vec3b uncounted(255, 255, 255);
  cv::Mat drawn(truth.size(), CV_8UC3);
  for (int y = 0; y < truth.rows; ++y) {
    for (int x = 0; x < truth.cols; ++x) {
      const auto label = truth.at<uint8_t>(y, x);
      auto& pixel = drawn.at<cv::Vec3b>(y, x);
      pixel = label == prediction.at<uint8_t>(y, x) ? right : wrong;
      if (label == kVoid) pixel = uncounted;
    }
  }
  return drawn;
}

Json pictures_json(const Report& report) {
  Json pictures = Json::array();
  for (const auto& id : report.ids) {
    // Cells that were scored by an earlier run may have stored fewer pictures.
    const auto stem = report.pictures + "/" + id;
    if (!fs::exists(stem + ".png")) continue;
    const auto truth = data::read_mask(stem + ".png");
    Json predictions = Json::array();
    for (size_t i = 0; i < report.masks.size(); ++i) {
      const auto path = report.masks[i] + "/" + id + ".png";
      if (report.masks[i].empty() || !fs::exists(path)) continue;
      const auto mask = data::read_mask(path);
      if (mask.size() != truth.size()) continue;
      predictions.push_back(
          {{"row", i},
           {"mask", png_url(colorize(mask, report.classes))},
           {"errors", png_url(draw_errors(truth, mask))}}
      );
    }
    pictures.push_back(
        {{"id", id},
         {"photo", data_url(read_file(stem + ".jpg"), "jpeg")},
         {"truth", png_url(colorize(truth, report.classes))},
         {"predictions", predictions}}
    );
  }
  return pictures;
}

/// Returns the curves of a training run: the loss, averaged over sections, and
/// the mean IoU of each validation.
Json curve_json(const std::string& metrics) {
  Json curve{{"loss", Json::array()}, {"validation", Json::array()}};
  if (!fs::exists(metrics)) return curve;
  std::vector<std::pair<int64_t, double>> losses;
  std::istringstream lines(read_file(metrics));
  for (std::string line; std::getline(lines, line);) {
    const auto json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("iteration")) continue;
    const auto iteration = json["iteration"].get<int64_t>();
    if (json.contains("loss") && json["loss"].is_number()) {
      losses.emplace_back(iteration, json["loss"].get<double>());
    }
    if (json.contains("validation")) {
      curve["validation"].push_back({iteration, json["validation"]["mean_iou"]}
      );
    }
  }
  constexpr size_t kPoints = 100;
  const size_t stretch = std::max<size_t>(1, losses.size() / kPoints);
  for (size_t first = 0; first < losses.size(); first += stretch) {
    const size_t last = std::min(first + stretch, losses.size());
    double sum = 0;
    for (size_t i = first; i < last; ++i) sum += losses[i].second;
    curve["loss"].push_back(
        {losses[last - 1].first, sum / static_cast<double>(last - first)}
    );
  }
  return curve;
}

Json spread_json(const std::optional<Spread>& spread) {
  if (!spread) return nullptr;
  return {{"mean", spread->mean}, {"deviation", spread->deviation}};
}

/// Returns the means over the seeds for each number of the JSON object at
/// `pointer`.
Json means_json(const ResultRow& row, const std::string& pointer) {
  Json means = Json::object();
  if (row.results.empty()) return means;
  const Json::json_pointer where(pointer);
  if (!row.results[0].contains(where)) return means;
  for (const auto& item : row.results[0].at(where).items()) {
    const auto spread = row.spread(where / item.key());
    means[item.key()] = spread ? Json(spread->mean) : Json(nullptr);
  }
  return means;
}

Json row_json(const ResultRow& row, const std::string& metrics) {
  Json scores = Json::object();
  for (const auto& score : kShownScores) {
    scores[score.title] = spread_json(row.spread(score.pointer));
  }
  Json costs = Json::object();
  for (const auto& cost : kShownCosts) {
    const auto found = row.cost(cost);
    costs[cost.key] = found ? Json(*found) : Json(nullptr);
  }
  Json json{
      {"label", row.label()},
      {"name", row.name},
      {"values", row.values},
      {"seeds", row.results.size()},
      {"scores", scores},
      {"cost", costs},
      {"class_iou", means_json(row, "/evaluation/scores/class_iou")},
      {"class_boundary_iou", means_json(row, "/evaluation/boundary/class_iou")},
      {"found_by_size", means_json(row, "/evaluation/found_by_size")},
      {"trimap", means_json(row, "/evaluation/trimap_mean_iou")},
      {"before_crf", spread_json(row.spread("/before_crf/scores/mean_iou"))},
      {"paper", row.paper},
      {"errors", row.errors},
      {"curve", curve_json(metrics)},
      {"against_reference", nullptr}};
  if (row.against_reference) {
    json["against_reference"] = {
        {"difference", row.against_reference->difference},
        {"low", row.against_reference->low},
        {"high", row.against_reference->high},
        {"clear", row.against_reference->is_clear()}};
  }
  return json;
}

Json report_json(const Report& report) {
  Json scores = Json::array();
  for (const auto& score : kShownScores) scores.push_back(score.title);
  Json costs = Json::array();
  for (const auto& cost : kShownCosts) {
    costs.push_back(
        {{"key", cost.key},
         {"title", cost.title},
         {"factor", cost.factor},
         {"digits", cost.digits}}
    );
  }
  Json rows = Json::array();
  for (size_t i = 0; i < report.table.rows.size(); ++i) {
    rows.push_back(row_json(report.table.rows[i], report.metrics[i]));
  }
  Json classes = Json::array();
  for (size_t k = 0; k < report.classes.names.size(); ++k) {
    const auto& color = report.classes.colors[k];
    classes.push_back(
        {{"name", report.classes.names[k]},
         {"color", {color[0], color[1], color[2]}}}
    );
  }
  return {
      {"title", report.table.title},
      {"version", kVersion},
      {"data", report.data},
      {"paper", report.table.paper},
      {"columns", report.table.columns},
      {"scores", scores},
      {"costs", costs},
      {"rows", rows},
      {"reference", report.table.reference},
      {"classes", classes},
      {"pictures", pictures_json(report)}};
}

}  // namespace

std::string html_page(const Report& report) {
  return html_document(report.table.title, report_json(report), kReportScript);
}

}  // namespace deeplab::apps
