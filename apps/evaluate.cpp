// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>

#include "apps/evaluation_text.h"
#include "apps/flags.h"
#include "apps/inference.h"
#include "apps/network_source.h"
#include "apps/progress.h"
#include "apps/verbs.h"
#include "apps/world.h"
#include "data/loader.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/version.h"
#include "deeplab/engine/evaluator.h"

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
  flags.add_inference();
  auto add = flags.add();
  add("split",
      "list of images; default: the config's data.val_split",
      cxxopts::value<std::string>());
  add("trimap",
      "also mean IoU within so many pixels of a boundary, e.g. 2,4,8,16",
      cxxopts::value<std::string>());
  add("json",
      "also write scores, and the counts of each image, here",
      cxxopts::value<std::string>());
  if (!flags.parse(arguments)) return 0;

  const auto limit = memory_limit(flags);
  const auto network = open_network(flags);
  const auto& config = network.config;
  const auto dataset = open_split(config.data, flags);
  const auto& names = dataset->classes().names;
  auto options = evaluate_options(config, *dataset);
  const auto processes = join_processes();
  const auto samples =
      own_share(make_sample_source(dataset, config.normalization()), processes);
  std::optional<Progress> progress;
  if (is_first(processes)) progress.emplace("evaluate", samples.size, 0);
  options.on_image = [&](int64_t done) {
    if (progress) progress->update(done, "");
  };

  auto result = engine::evaluate(
      inference_of(network.segmenter, config.evaluate, limit), samples, options
  );
  progress.reset();
  merge_processes(result.network, processes);
  if (result.processed) merge_processes(*result.processed, processes);
  if (!is_first(processes)) return 0;
  std::cout << evaluation_table(result.network, names);
  if (result.processed) {
    std::cout << "\nwith the CRF\n"
              << evaluation_table(*result.processed, names)
              << crf_verdict(
                     result.network.scores(), result.processed->scores()
                 )
              << '\n';
  }
  // After the tables: a file that cannot be written does not cost the scores.
  if (flags.has("json")) {
    Json json{
        {"network", network.name},
        {"version", kVersion},
        {"images", dataset->size()},
        {"config", write_config(config)}};
    json.update(evaluation_json(result.network, names));
    if (result.processed) {
      json["crf"] = {{"config", write_config(*config.evaluate.crf)}};
      json["crf"].update(evaluation_json(*result.processed, names));
    }
    json["counts"] = images_json(result.final().images());
    write_file(flags.text("json"), json.dump(1) + "\n");
  }
  return 0;
}

}  // namespace deeplab::apps
