// SPDX-License-Identifier: Apache-2.0
#include "apps/run/train_warnings.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

#include <fmt/core.h>
#include <opencv2/core.hpp>

#include "apps/machine/platform.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"
#include "deeplab/engine/batch_norm.h"
#include "deeplab/model/cost.h"

namespace deeplab::apps {
namespace {

std::string rate_warning(const model::DeepLab& network, int64_t crop) {
  model::CostOptions options;
  options.height = crop;
  options.width = crop;
  const auto layers =
      model::degenerate_layers(model::measure_cost(network, options));
  if (layers.empty()) return "";
  constexpr size_t kNamed = 3;
  std::string named;
  for (size_t i = 0; i < layers.size() && i < kNamed; ++i) {
    const auto& layer = layers[i];
    named += fmt::format(
        "{}{} (rate {}, map {}x{})", i > 0 ? ", " : "", layer.name,
        layer.dilation, layer.height, layer.width
    );
  }
  if (layers.size() > kNamed) {
    named += fmt::format(" and {} more", layers.size() - kNamed);
  }
  return fmt::format(
      "warning: in crops of {} pixels, the outer taps of {} see only padding: they learn nothing, but are used in larger images. Raise augment.crop, or lower model.aspp.rates (model.large_fov.rate, model.backbone_options.multi_grid)",
      crop, named
  );
}

/// Returns the number of rows of the backbone's last feature map.
int64_t rows_of_features(const model::DeepLab& network, int64_t crop) {
  model::CostOptions options;
  options.height = crop;
  options.width = crop;
  int64_t rows = 1;
  for (const auto& layer : model::measure_cost(network, options).layers) {
    if (layer.name.rfind("backbone.", 0) == 0) rows = layer.height;
  }
  return rows;
}

std::string stretch_warning(
    const RunConfig& config, const model::DeepLab& network
) {
  const auto grid = network->backbone().grids().high;
  // Features that look between pixels (VGG's) are drawn elsewhere in any case.
  if (config.model.alignment != "corners" || grid.first != 0) return "";
  const int64_t crop = config.augment.crop;
  const auto stride = static_cast<int64_t>(grid.step);
  const int64_t last = stride * (rows_of_features(network, crop) - 1);
  if (last == crop - 1) return "";
  const int64_t better = (crop - 1 + stride - 1) / stride * stride + 1;
  return fmt::format(
      "warning: with model.alignment \"corners\", crops of {} pixels are stretched: the last feature of output stride {} looks at pixel {}, but is drawn at {}. Set augment.crop to a multiple of the stride plus 1 (e.g. {}), or model.alignment to \"centres\"",
      crop, stride, last, crop - 1, better
  );
}

bool is_same_image(const cv::Mat& one, const cv::Mat& other) {
  return one.size() == other.size() && cv::norm(one, other, cv::NORM_INF) == 0;
}

std::string overlap_warning(
    const data::Dataset& train, const data::Dataset& validation
) {
  std::map<std::string, int64_t> places;
  for (int64_t i = 0; i < train.size(); ++i) places.emplace(train.id(i), i);
  std::vector<std::pair<int64_t, int64_t>> shared;
  for (int64_t i = 0; i < validation.size(); ++i) {
    const auto found = places.find(validation.id(i));
    if (found != places.end()) shared.emplace_back(found->second, i);
  }
  // Different images may have the same name in two folders, so a few pairs are
  // compared by their pixels.
  constexpr size_t kLooks = 4;
  const size_t step = std::max<size_t>(1, shared.size() / kLooks);
  bool is_same = false;
  for (size_t i = 0; i < shared.size() && !is_same; i += step) {
    const auto& [place, index] = shared[i];
    is_same =
        is_same_image(train.load(place).image, validation.load(index).image);
  }
  if (!is_same) return "";
  return fmt::format(
      "warning: {} of {} validation images are also in the training split (data.train_split, data.val_split): their scores, and the choice of best.safetensors, say nothing about new images",
      shared.size(), validation.size()
  );
}

std::string statistics_warning(const engine::TrainConfig& config) {
  // A few steps are a trial, not a training.
  constexpr int64_t kTrial = 100;
  constexpr double kMuch = 0.05;
  constexpr double kLittle = 0.01;
  const auto steps = static_cast<double>(config.iterations);
  const double left = std::pow(1 - config.batch_norm_momentum, steps);
  if (config.batch_norm == "frozen" || config.iterations < kTrial ||
      left < kMuch) {
    return "";
  }
  return fmt::format(
      "warning: with train.batch_norm_momentum {} and {} iterations, {:.0f} % of the batch norms' first statistics remain at the end, and new layers score badly; train longer, or set train.batch_norm_momentum={:.2g}",
      config.batch_norm_momentum, config.iterations, 100 * left,
      1 - std::pow(kLittle, 1 / steps)
  );
}

/// Returns the first few names, and how many more there are.
std::string few_of(const std::vector<std::string>& names) {
  constexpr size_t kFew = 3;
  auto few = names;
  few.resize(std::min(names.size(), kFew));
  const auto more = names.size() - few.size();
  return list_names(few) + (more > 0 ? fmt::format(" and {} more", more) : "");
}

}  // namespace

std::vector<std::string> weight_warnings(
    const engine::TrainConfig& config, const weights::LoadReport& report
) {
  std::vector<std::string> random;
  std::vector<std::string> unset_norms;
  const auto add = [&](const std::string& name) {
    constexpr std::string_view kBackbone = "backbone.";
    constexpr std::string_view kMean = ".running_mean";
    if (name.compare(0, kBackbone.size(), kBackbone) == 0) {
      random.push_back(name);
    }
    if (name.size() > kMean.size() &&
        name.compare(name.size() - kMean.size(), kMean.size(), kMean) == 0) {
      unset_norms.push_back(name.substr(0, name.size() - kMean.size()));
    }
  };
  for (const auto& name : report.missing) add(name);
  for (const auto& text : report.mismatched)
    add(text.substr(0, text.find(' ')));
  std::vector<std::string> warnings;
  if (!random.empty()) {
    const bool stem =
        std::any_of(random.begin(), random.end(), [](const auto& name) {
          return name.rfind("backbone.stem.", 0) == 0;
        });
    warnings.push_back(fmt::format(
        "warning: {}: {} tensors of the backbone stay random, because the file has none that fit: {}{}",
        config.init_from, random.size(), few_of(random),
        stem
            ? "; if the file is a ResNet whose first layer is one 7x7 convolution (torchvision's), set model.backbone_options.stem=conv7"
            : ""
    ));
  }
  if (config.batch_norm == "frozen" && !unset_norms.empty()) {
    warnings.push_back(fmt::format(
        "warning: train.batch_norm is \"frozen\", but {} has no statistics for {} batch norms, which do nothing then: {}; train with batch norm \"train\" first, or give weights of a whole network",
        config.init_from, unset_norms.size(), few_of(unset_norms)
    ));
  }
  return warnings;
}

std::vector<std::string> train_warnings(
    const RunConfig& config,
    const data::Dataset& train,
    const data::Dataset& validation,
    int64_t processes
) {
  model::DeepLab network(
      config.model, train.classes().size(), model::StartWeights::kUnset
  );
  network->set_output_stride(config.train_stride());
  std::vector<std::string> warnings;
  const auto slow = convolution_warning();
  if (!slow.empty()) warnings.push_back(slow);
  const auto norm = engine::batch_norm_warning(config.train, processes);
  const bool has_norms = engine::has_batch_norm(*network);
  if (!norm.empty() && has_norms) warnings.push_back(norm);
  const auto statistics = statistics_warning(config.train);
  if (!statistics.empty() && has_norms) warnings.push_back(statistics);
  const auto rate = rate_warning(network, config.augment.crop);
  if (!rate.empty()) warnings.push_back(rate);
  const auto stretch = stretch_warning(config, network);
  if (!stretch.empty()) warnings.push_back(stretch);
  const auto overlap = overlap_warning(train, validation);
  if (!overlap.empty()) warnings.push_back(overlap);
  return warnings;
}

}  // namespace deeplab::apps
