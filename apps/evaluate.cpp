// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "apps/network_source.h"
#include "apps/progress.h"
#include "apps/scores_text.h"
#include "apps/verbs.h"
#include "data/loader.h"
#include "deeplab/core/atomic_file.h"
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

Json counts_json(const torch::Tensor& counts) {
  Json rows = Json::array();
  for (int64_t row = 0; row < counts.size(0); ++row) {
    const auto* first = counts[row].data_ptr<int64_t>();
    rows.push_back(std::vector<int64_t>(first, first + counts.size(1)));
  }
  return rows;
}

}  // namespace

int evaluate(const Arguments& arguments) {
  Flags flags(
      "evaluate",
      "Scores a network on a data set.",
      "--checkpoint FILE | --torchscript FILE | --config FILE --init-from FILE"
  );
  add_network(flags);
  auto add = flags.add();
  add("split",
      "list of images; default: the config's data.val_split",
      cxxopts::value<std::string>());
  add("json", "also write the scores here", cxxopts::value<std::string>());
  if (!flags.parse(arguments)) return 0;

  const auto network = open_network(flags);
  const auto dataset = open_split(network.config.data, flags);
  const auto& names = dataset->classes().names;
  Progress progress("evaluate", dataset->size(), 0);
  engine::EvaluateHooks hooks;
  hooks.on_image = [&](int64_t done) { progress.update(done, ""); };
  const auto confusion = engine::evaluate(
      network.segmenter,
      make_sample_source(dataset, network.config.normalization()),
      dataset->classes().size(),
      hooks
  );
  const auto scores = confusion.scores();
  if (flags.has("json")) {
    Json result{
        {"network", network.name},
        {"version", kVersion},
        {"images", dataset->size()},
        {"config", write_config(network.config)},
        {"scores", scores_json(scores, names)},
        {"confusion", counts_json(confusion.counts())}};
    write_file(flags.text("json"), result.dump(2) + "\n");
  }
  std::cout << scores_table(scores, names);
  return 0;
}

}  // namespace deeplab::apps
