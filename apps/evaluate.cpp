// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>

#include "apps/crf_config.h"
#include "apps/flags.h"
#include "apps/network_source.h"
#include "apps/progress.h"
#include "apps/scores_text.h"
#include "apps/verbs.h"
#include "data/loader.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/version.h"
#include "deeplab/crf/post_process.h"
#include "deeplab/engine/evaluator.h"
#include "deeplab/engine/trimap.h"

namespace deeplab::apps {
namespace {

std::shared_ptr<const data::Dataset> open_split(
    data::DataConfig config, const Flags& flags
) {
  if (!flags.has("split")) {
    return make_dataset(config, data::Role::kValidation);
  }
  const auto split = flags.text("split");
  if (split == config.train_split) {
    return make_dataset(config, data::Role::kTrain);
  }
  config.val_split = split;
  return make_dataset(config, data::Role::kValidation);
}

Json counts_json(const torch::Tensor& counts) {
  Json rows = Json::array();
  for (int64_t row = 0; row < counts.size(0); ++row) {
    const auto* first = counts[row].data_ptr<int64_t>();
    rows.push_back(std::vector<int64_t>(first, first + counts.size(1)));
  }
  return rows;
}

/// Counts near boundaries, for several widths of what counts as near.
class Bands {
 public:
  Bands(const std::vector<int64_t>& widths, int64_t classes) {
    for (const auto width : widths) {
      bands_.emplace_back(width, engine::ConfusionMatrix(classes));
    }
  }

  void add(const torch::Tensor& labels, const torch::Tensor& prediction) {
    for (auto& [width, counts] : bands_) {
      counts.add(engine::boundary_band(labels, width), prediction);
    }
  }

  /// {"2": mean IoU within 2 pixels, ...}
  Json json() const {
    Json result = Json::object();
    for (const auto& [width, counts] : bands_) {
      result[std::to_string(width)] = counts.scores().mean_iou;
    }
    return result;
  }
  std::string text() const {
    std::ostringstream text;
    text << std::fixed << std::setprecision(2);
    for (const auto& [width, counts] : bands_) {
      text << std::left << std::setw(24)
           << str("mean IoU within ", width, " px") << std::right
           << std::setw(7) << 100 * counts.scores().mean_iou << '\n';
    }
    return text.str();
  }

 private:
  std::vector<std::pair<int64_t, engine::ConfusionMatrix>> bands_;
};

/// Counts of the same images after a CRF.
class SecondOpinion {
 public:
  SecondOpinion(
      const CrfConfig& config,
      const data::DataConfig& data,
      int64_t classes,
      Bands bands
  )
      : config_(config),
        options_(config.options()),
        data_(data),
        counts_(classes),
        bands_(std::move(bands)) {}

  void add(const Sample& sample, const torch::Tensor& logits) {
    const auto image = crf::raw_image(sample.image, data_.mean, data_.std);
    const auto probabilities =
        crf::post_process(logits.unsqueeze(0), image.unsqueeze(0), options_);
    const auto prediction = probabilities.squeeze(0).argmax(0);
    counts_.add(sample.labels, prediction);
    bands_.add(sample.labels, prediction);
  }
  engine::Scores scores() const { return counts_.scores(); }
  const CrfConfig& config() const { return config_; }
  const Bands& bands() const { return bands_; }

 private:
  CrfConfig config_;
  crf::DenseCrfOptions options_;
  data::DataConfig data_;
  engine::ConfusionMatrix counts_;
  Bands bands_;
};

std::string crf_verdict(
    const engine::Scores& before, const engine::Scores& after
) {
  std::ostringstream text;
  // As printed: in hundredths.
  const double change =
      std::round(1e4 * (after.mean_iou - before.mean_iou)) / 100;
  text << std::fixed << std::setprecision(2) << "the CRF changes mean IoU by "
       << std::showpos << change << " points";
  if (change < 0) {
    text << ": it makes the result worse; leave it out, or choose its "
            "parameters on this data";
  }
  return text.str();
}

}  // namespace

int evaluate(const Arguments& arguments) {
  Flags flags(
      "evaluate",
      "Scores a network on a data set.",
      "--checkpoint FILE | --torchscript FILE | --config FILE --init-from FILE"
  );
  add_network(flags);
  add_crf(flags);
  auto add = flags.add();
  add("split",
      "list of images; default: the config's data.val_split",
      cxxopts::value<std::string>());
  add("trimap",
      "also mean IoU within so many pixels of a boundary, e.g. 2,4,8,16",
      cxxopts::value<std::string>());
  add("json", "also write the scores here", cxxopts::value<std::string>());
  if (!flags.parse(arguments)) return 0;

  const auto widths = flags.numbers("trimap", 1);
  const auto network = open_network(flags);
  const auto dataset = open_split(network.config.data, flags);
  const auto& names = dataset->classes().names;
  Progress progress("evaluate", dataset->size(), 0);
  engine::EvaluateHooks hooks;
  hooks.on_image = [&](int64_t done) { progress.update(done, ""); };
  Bands bands(widths, dataset->classes().size());
  hooks.on_prediction = [&](const Sample& sample, const torch::Tensor& classes
                        ) { bands.add(sample.labels, classes); };
  std::optional<SecondOpinion> with_crf;
  if (flags.has("crf")) {
    with_crf.emplace(
        read_crf_config(flags.text("crf")),
        network.config.data,
        dataset->classes().size(),
        bands
    );
    hooks.on_logits = [&](const Sample& sample, const torch::Tensor& logits) {
      with_crf->add(sample, logits);
    };
  }
  const auto confusion = engine::evaluate(
      network.segmenter,
      make_sample_source(dataset, network.config.normalization()),
      dataset->classes().size(),
      hooks
  );
  const auto scores = confusion.scores();
  std::cout << scores_table(scores, names) << bands.text();
  if (with_crf) {
    std::cout << "\nwith the CRF\n"
              << scores_table(with_crf->scores(), names)
              << with_crf->bands().text()
              << crf_verdict(scores, with_crf->scores()) << '\n';
  }
  // After the tables: a file that cannot be written does not cost the scores.
  if (flags.has("json")) {
    Json result{
        {"network", network.name},
        {"version", kVersion},
        {"images", dataset->size()},
        {"config", write_config(network.config)},
        {"scores", scores_json(scores, names)},
        {"trimap_mean_iou", bands.json()},
        {"confusion", counts_json(confusion.counts())}};
    if (with_crf) {
      result["crf"] = {
          {"config", write_config(with_crf->config())},
          {"scores", scores_json(with_crf->scores(), names)},
          {"trimap_mean_iou", with_crf->bands().json()}};
    }
    write_file(flags.text("json"), result.dump(2) + "\n");
  }
  return 0;
}

}  // namespace deeplab::apps
