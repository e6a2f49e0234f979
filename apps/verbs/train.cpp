// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>

#include <fmt/core.h>

#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/machine/launcher.h"
#include "apps/machine/stop_signals.h"
#include "apps/run/run.h"
#include "apps/verbs/config_flags.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {

int train(const Arguments& arguments) {
  Flags flags("train", "Trains a network on a data set.", "--out DIR [flags]");
  ConfigFlags config_flags(flags, ConfigScope::kTraining);
  flags.add_device();
  auto add = flags.add();
  add("out", "Folder for checkpoints, metrics and config.",
      cxxopts::value<std::string>()->default_value("runs/train"));
  add("resume", "Resume from the last checkpoint in --out.");
  if (!flags.parse(arguments)) return 0;

  TrainingOptions options;
  options.folder = flags.text("out");
  options.device = flags.device();
  options.resume = flags.has("resume");
  const RunFiles files(options.folder);
  Json base = Json::object();
  if (options.resume) {
    if (!std::filesystem::exists(files.config)) {
      throw ConfigError(fmt::format(
          "--resume finds no run in {}: {} does not exist; give the folder of a run as --out, or leave --resume out",
          options.folder, files.config
      ));
    }
    base = parse_json(read_file(files.config), files.config);
  }
  const auto config = config_flags.config(base);
  options.processes = join_processes();
  const bool finished = run_training(config, options);
  if (!finished) {
    if (is_first(options.processes))
      std::cerr << "stopped; continue with: deeplab train --out "
                << options.folder << " --resume\n";
    return kInterrupted;
  }
  if (is_first(options.processes)) std::cout << files.best << '\n';
  return 0;
}

}  // namespace deeplab::apps
