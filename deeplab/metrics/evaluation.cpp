// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/evaluation.h"

#include <fmt/core.h>

#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/metrics/trimap.h"

namespace deeplab::metrics {
namespace {

std::optional<double> ratio(int64_t part, int64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

double mean_of(const std::vector<std::optional<double>>& values) {
  double sum = 0;
  int64_t count = 0;
  for (const auto& value : values) {
    if (!value) continue;
    sum += *value;
    ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

/// Returns nothing if neither truth nor prediction has a contour.
std::optional<double> f_score(const BoundaryCounts& counts) {
  if (counts.true_contour + counts.predicted_contour == 0) return std::nullopt;
  const auto found = ratio(counts.true_contour_found, counts.true_contour);
  const auto right =
      ratio(counts.predicted_contour_right, counts.predicted_contour);
  if (found.value_or(0) + right.value_or(0) == 0) return 0;
  return 2 * *found * *right / (*found + *right);
}

}  // namespace

double mean_iou(const ImageCounts& counts) {
  std::vector<std::optional<double>> ious;
  for (const auto& one : counts) {
    ious.push_back(
        ratio(one.right, one.in_truth + one.in_prediction - one.right)
    );
  }
  return mean_of(ious);
}

void add_to(ImageCounts& sum, const ImageCounts& more) {
  if (sum.empty()) sum.resize(more.size());
  for (size_t k = 0; k < more.size(); ++k) {
    const auto to = fields_of(sum[k]);
    const auto from = fields_of(more[k]);
    for (size_t i = 0; i < to.size(); ++i) *to[i] += *from[i];
  }
}

Evaluation::Evaluation(EvaluationOptions options)
    : options_(std::move(options)), confusion_(options_.num_classes) {
  for (size_t i = 0; i < options_.trimap_widths.size(); ++i) {
    bands_.emplace_back(options_.num_classes);
  }
}

void Evaluation::add(
    const std::string& name,
    const torch::Tensor& labels,
    const torch::Tensor& prediction
) {
  const auto truth = labels.cpu();
  const auto guess = prediction.cpu();
  ConfusionMatrix own(options_.num_classes);
  own.add(truth, guess);
  confusion_.merge(own);
  for (size_t i = 0; i < bands_.size(); ++i) {
    bands_[i].add(boundary_band(truth, options_.trimap_widths[i]), guess);
  }
  if (options_.details) add_details(name, truth, guess, own);
}

void Evaluation::add_details(
    const std::string& name,
    const torch::Tensor& labels,
    const torch::Tensor& prediction,
    const ConfusionMatrix& own
) {
  const auto right = own.counts().diagonal();
  const auto in_truth = own.counts().sum(1);
  const auto in_prediction = own.counts().sum(0);
  const auto boundaries =
      count_boundaries(labels, prediction, options_.num_classes);
  ImageCounts counts;
  for (int64_t k = 0; k < options_.num_classes; ++k) {
    counts.push_back(
        {right[k].item<int64_t>(), in_truth[k].item<int64_t>(),
         in_prediction[k].item<int64_t>(), boundaries[static_cast<size_t>(k)]}
    );
  }
  if (!images_.emplace(name, std::move(counts)).second) {
    throw Error(fmt::format("{}: the image is counted a second time", name));
  }
  const auto sizes = region_sizes(labels);
  const auto hits = labels.eq(prediction).contiguous();
  const auto* size = sizes.data_ptr<int64_t>();
  const auto* hit = hits.data_ptr<bool>();
  for (int64_t i = 0; i < sizes.numel(); ++i) {
    if (size[i] == kVoid) continue;
    ++in_size_[static_cast<size_t>(size[i])];
    if (hit[i]) ++found_in_size_[static_cast<size_t>(size[i])];
  }
}

void Evaluation::merge(const Evaluation& other) {
  TORCH_CHECK(
      options_.trimap_widths == other.options_.trimap_widths,
      "Evaluation: cannot merge counts with different trimap widths"
  );
  for (const auto& [name, counts] : other.images_) {
    if (images_.count(name) > 0) {
      throw Error(fmt::format("{}: the image is counted a second time", name));
    }
  }
  confusion_.merge(other.confusion_);
  images_.insert(other.images_.begin(), other.images_.end());
  for (size_t i = 0; i < bands_.size(); ++i) bands_[i].merge(other.bands_[i]);
  for (size_t size = 0; size < kRegionSizes; ++size) {
    in_size_[size] += other.in_size_[size];
    found_in_size_[size] += other.found_in_size_[size];
  }
}

std::string Evaluation::to_text() const {
  const auto counts_of = [](const ConfusionMatrix& matrix) {
    const auto& counts = matrix.counts();
    const auto* first = counts.data_ptr<int64_t>();
    return std::vector<int64_t>(first, first + counts.numel());
  };
  Json json{
      {"confusion", counts_of(confusion_)},
      {"bands", Json::array()},
      {"in_size", in_size_},
      {"found_in_size", found_in_size_},
      {"images", Json::object()}};
  for (const auto& band : bands_) json["bands"].push_back(counts_of(band));
  for (const auto& [name, counts] : images_) {
    Json values = Json::array();
    for (const auto& one : counts) {
      for (const auto* field : fields_of(one)) values.push_back(*field);
    }
    json["images"][name] = values;
  }
  return json.dump();
}

void Evaluation::merge_text(const std::string& text) {
  Evaluation other(options_);
  const auto classes = static_cast<size_t>(options_.num_classes);
  try {
    const auto json = Json::parse(text);
    const auto read = [&](const Json& counts, ConfusionMatrix& matrix) {
      matrix = ConfusionMatrix(counts.get<std::vector<int64_t>>());
    };
    read(json.at("confusion"), other.confusion_);
    for (size_t i = 0; i < bands_.size(); ++i) {
      read(json.at("bands").at(i), other.bands_[i]);
    }
    json.at("in_size").get_to(other.in_size_);
    json.at("found_in_size").get_to(other.found_in_size_);
    for (const auto& item : json.at("images").items()) {
      ImageCounts counts(classes);
      size_t next = 0;
      for (auto& one : counts) {
        for (auto* field : fields_of(one)) {
          item.value().at(next++).get_to(*field);
        }
      }
      other.images_.emplace(item.key(), std::move(counts));
    }
  } catch (const Json::exception& error) {
    throw DataError(fmt::format(
        "cannot read the counts of another process: {}", error.what()
    ));
  }
  merge(other);
}

std::vector<std::pair<int64_t, double>> Evaluation::trimap() const {
  std::vector<std::pair<int64_t, double>> curve;
  for (size_t i = 0; i < bands_.size(); ++i) {
    curve.emplace_back(options_.trimap_widths[i], bands_[i].scores().mean_iou);
  }
  return curve;
}

DetailedScores Evaluation::details() const {
  const auto classes = static_cast<size_t>(options_.num_classes);
  ImageCounts sum(classes);
  std::vector<double> f_sums(classes);
  std::vector<int64_t> f_images(classes);
  for (const auto& [name, counts] : images_) {
    add_to(sum, counts);
    for (size_t k = 0; k < classes; ++k) {
      const auto score = f_score(counts[k].boundary);
      if (!score) continue;
      f_sums[k] += *score;
      ++f_images[k];
    }
  }
  DetailedScores scores;
  for (size_t k = 0; k < classes; ++k) {
    scores.class_boundary_iou.push_back(
        ratio(sum[k].boundary.band_both, sum[k].boundary.band_either)
    );
    scores.class_boundary_f.emplace_back();
    if (f_images[k] > 0) {
      scores.class_boundary_f[k] = f_sums[k] / static_cast<double>(f_images[k]);
    }
  }
  scores.mean_boundary_iou = mean_of(scores.class_boundary_iou);
  scores.mean_boundary_f = mean_of(scores.class_boundary_f);
  for (size_t size = 0; size < kRegionSizes; ++size) {
    scores.found_by_size[size] = ratio(found_in_size_[size], in_size_[size]);
  }
  return scores;
}

}  // namespace deeplab::metrics
