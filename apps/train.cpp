// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>

#include "apps/run.h"
#include "apps/verbs.h"
#include "deeplab/core/atomic_file.h"

namespace deeplab::apps {
namespace {

/// Of a run that was stopped by a signal, as shells report it.
constexpr int kInterrupted = 130;

}  // namespace

int train(const Arguments& arguments) {
  Flags flags("train", "Trains a network on a data set.", "--out DIR [flags]");
  flags.add_config();
  flags.add_device();
  auto add = flags.add();
  add("out",
      "folder for checkpoints, metrics and config",
      cxxopts::value<std::string>()->default_value("runs/train"));
  add("output-stride",
      "8, 16 or 32 (train.output_stride)",
      cxxopts::value<int64_t>());
  add("resume", "go on from the last checkpoint in --out");
  if (!flags.parse(arguments)) return 0;

  TrainingOptions options;
  options.folder = flags.text("out");
  options.device = flags.device();
  options.resume = flags.has("resume");
  const RunFiles files(options.folder);
  Json base = Json::object();
  const bool own_config = flags.names_config() || flags.has("output-stride");
  if (options.resume && !own_config && std::filesystem::exists(files.config)) {
    base = parse_json(read_file(files.config), files.config);
  }
  auto config = flags.config(base);
  if (flags.has("output-stride")) {
    config.train.output_stride = flags.get<int64_t>("output-stride");
  }
  const bool finished = run_training(config, options);
  if (!finished) {
    std::cerr << "stopped; go on with: deeplab train --out " << options.folder
              << " --resume\n";
    return kInterrupted;
  }
  std::cout << files.best << '\n';
  return 0;
}

}  // namespace deeplab::apps
