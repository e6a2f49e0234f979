// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>

#include <fmt/core.h>
#include <torch/utils.h>

#include "apps/ablation/ablation.h"
#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/machine/child_processes.h"
#include "apps/machine/stop_signals.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

/// Runs each training, with its cells, in a process of its own. Returns false
/// if a signal stopped one of them.
bool run_in_processes(
    Ablation& ablation, const Flags& flags, const std::string& grid
) {
  const auto jobs = flags.whole("jobs");
  const auto threads = std::max<int64_t>(1, torch::get_num_threads() / jobs);
  std::vector<std::vector<std::string>> commands;
  const auto trainings = ablation.open_trainings();
  for (const auto& training : trainings) {
    commands.push_back(
        {"ablate", grid, "--out", flags.text("out"), "--device",
         flags.text("device"), "--pictures", flags.text("pictures"),
         "--threads", std::to_string(threads), "--training", training}
    );
  }
  const auto codes = run_processes(commands, jobs);
  bool interrupted = false;
  for (size_t i = 0; i < codes.size(); ++i) {
    constexpr int kSignal = 128;
    const bool stopped =
        codes[i] == kInterrupted || codes[i] == kSignal + SIGINT ||
        codes[i] == kSignal + SIGHUP || codes[i] == kSignal + SIGTERM;
    interrupted = interrupted || stopped;
    if (codes[i] != 0 && !stopped) {
      ablation.record_failure(
          trainings[i],
          fmt::format(
              "the training's process ended with exit code {}", codes[i]
          )
      );
    }
  }
  return !interrupted;
}

}  // namespace

int ablate(const Arguments& arguments) {
  Flags flags(
      "ablate", "Trains and scores every cell of a grid, and writes a report.",
      "GRID.json --out DIR"
  );
  flags.add_device();
  flags.take_positional("grid");
  auto add = flags.add();
  add("out", "Folder for trainings, results and report.",
      cxxopts::value<std::string>()->default_value("runs/ablation"));
  flags.add_whole(
      "pictures", "Number of images that the report shows.", {0}, 6
  );
  flags.add_whole(
      "jobs", "Number of trainings that run at once; they share the threads.",
      {1, 256}, 1
  );
  add("training", "Run only the cells of this training, and write no report.",
      cxxopts::value<std::string>());
  add("report", "Write the report from existing results, without training.");
  add("dry-run",
      "Check the grid, list its cells, and estimate their time, without training."
  );
  if (!flags.parse(arguments)) return 0;
  const auto grids = flags.words("grid");
  if (grids.size() != 1) throw ConfigError("name one grid file");

  const auto folder = flags.text("out");
  Ablation ablation(
      read_grid(grids[0]), folder, flags.device(), flags.whole("pictures")
  );
  if (flags.has("training")) ablation.require_training(flags.text("training"));
  if (flags.has("dry-run")) {
    ablation.check();
    std::cout << ablation.plan();
    return 0;
  }
  std::filesystem::create_directories(folder);
  if (!flags.has("report")) {
    const bool one = flags.has("training");
    if (!one) ablation.check();
    const bool ended = flags.whole("jobs") > 1 && !one
                           ? run_in_processes(ablation, flags, grids[0])
                           : ablation.run(one ? flags.text("training") : "");
    if (!ended) {
      std::cerr << "stopped; the same command continues\n";
      return kInterrupted;
    }
    if (one) return 0;
  }
  std::cout << ablation.write_report() << '\n' << folder << "/report.html\n";
  const auto failed = ablation.count_failed();
  if (failed > 0) {
    throw Error(fmt::format(
        "{} of {} cells are not done (see {}/results.jsonl); the same command tries them again",
        failed, ablation.grid().cells.size(), folder
    ));
  }
  return 0;
}

}  // namespace deeplab::apps
