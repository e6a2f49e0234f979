// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>

#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/machine/launcher.h"
#include "apps/machine/progress.h"
#include "apps/report/evaluation_text.h"
#include "apps/run/inference.h"
#include "apps/run/network_source.h"
#include "apps/verbs/network_flags.h"
#include "data/kinds.h"
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
    const metrics::Scores& before, const metrics::Scores& after
) {
  std::ostringstream text;
  // The change is rounded to hundredths of a point, as it is printed.
  const double change =
      std::round(1e4 * (after.mean_iou - before.mean_iou)) / 100;
  text << std::fixed << std::setprecision(2) << "the CRF changes mean IoU by "
       << std::showpos << change << " points";
  if (change < 0) {
    text
        << ": the CRF makes the result worse; omit it, or choose its parameters on this data (deeplab crf tune)";
  }
  return text.str();
}

void print_scores(
    const engine::Evaluated& result, const std::vector<std::string>& names
) {
  std::cout << evaluation_table(result.network, names);
  if (!result.processed) return;
  std::cout << "\nwith the CRF\n"
            << evaluation_table(*result.processed, names)
            << crf_verdict(result.network.scores(), result.processed->scores())
            << '\n';
}

void write_scores(
    const std::string& path,
    const engine::Evaluated& result,
    const NetworkSource& network,
    const data::Dataset& dataset
) {
  const auto& names = dataset.classes().names;
  const auto& config = network.config;
  Json json{
      {"network", network.name},
      {"version", kVersion},
      {"images", dataset.size()},
      {"config", write_config(config)}};
  json.update(evaluation_json(result.network, names));
  if (result.processed) {
    json["crf"] = {{"config", write_config(*config.evaluate.crf)}};
    json["crf"].update(evaluation_json(*result.processed, names));
  }
  json["counts"] = images_json(result.final().images());
  write_file(path, json.dump(1) + "\n");
}

}  // namespace

int evaluate(const Arguments& arguments) {
  Flags flags(
      "evaluate", "Scores a network on a data set.",
      "--checkpoint FILE | --torchscript FILE | --config FILE --init-from FILE"
  );
  NetworkFlags network_flags(flags);
  network_flags.config().add_inference();
  auto add = flags.add();
  add("split", "Split to score; default: data.val_split of the config.",
      cxxopts::value<std::string>());
  add("trimap",
      "Also print the mean IoU within these distances from a boundary, in pixels, e.g. 2,4,8,16.",
      cxxopts::value<std::string>());
  add("json", "File for the scores, and the counts of each image, as JSON.",
      cxxopts::value<std::string>());
  if (!flags.parse(arguments)) return 0;

  const auto limit = network_flags.config().memory_limit();
  const auto request = network_flags.request();
  const auto network = open_network(request);
  const auto& config = network.config;
  const auto dataset = open_split(config.data, flags);
  auto options = evaluate_options(config, *dataset);
  options.overlap = request.device.is_cuda();
  const auto processes = join_processes();
  const auto samples =
      share_of(processes).of(make_sample_source(dataset, config.normalization())
      );
  std::optional<Progress> progress;
  if (is_first(processes)) progress.emplace("evaluate", samples.size, 0);
  options.on_image = [&](int64_t done, double network_share) {
    if (progress) progress->update(done, network_text(network_share));
  };

  auto result = engine::evaluate(
      inference_of(network.segmenter, config, limit), samples, options
  );
  progress.reset();
  merge_processes(result.network, processes);
  if (result.processed) merge_processes(*result.processed, processes);
  if (!is_first(processes)) return 0;
  print_scores(result, dataset->classes().names);
  // The file is written last, so that the scores are printed even if it cannot
  // be written.
  if (flags.has("json")) {
    write_scores(flags.text("json"), result, network, *dataset);
  }
  return 0;
}

}  // namespace deeplab::apps
