// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>

#include <torch/types.h>

#include "apps/ablation.h"
#include "apps/flags.h"
#include "apps/processes.h"
#include "apps/verbs.h"
#include "apps/world.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

/// Runs each training with its cells in a process of its own; returns whether
/// none was stopped by a signal.
bool run_in_processes(
    Ablation& ablation, const Flags& flags, const std::string& grid
) {
  const auto jobs = flags.whole("jobs");
  const auto threads = std::max<int64_t>(1, torch::get_num_threads() / jobs);
  std::vector<std::vector<std::string>> commands;
  const auto trainings = ablation.open_trainings();
  for (const auto& training : trainings) {
    commands.push_back(
        {"ablate",
         grid,
         "--out",
         flags.text("out"),
         "--device",
         flags.text("device"),
         "--pictures",
         flags.text("pictures"),
         "--threads",
         std::to_string(threads),
         "--training",
         training}
    );
  }
  const auto codes = run_processes(commands, jobs);
  bool interrupted = false;
  for (size_t i = 0; i < codes.size(); ++i) {
    constexpr int kSignal = 128;
    const bool stopped = codes[i] == kInterrupted ||
                         codes[i] == kSignal + SIGINT ||
                         codes[i] == kSignal + SIGTERM;
    interrupted = interrupted || stopped;
    if (codes[i] != 0 && !stopped) {
      ablation.record_failure(
          trainings[i], str("its process ended with code ", codes[i])
      );
    }
  }
  return !interrupted;
}

}  // namespace

int ablate(const Arguments& arguments) {
  Flags flags(
      "ablate",
      "Trains and scores every cell of a grid, and writes a report.",
      "GRID.json --out DIR"
  );
  flags.add_device();
  flags.take_positional("grid");
  auto add = flags.add();
  add("out",
      "folder for trainings, results and report",
      cxxopts::value<std::string>()->default_value("runs/ablation"));
  flags.add_whole("pictures", "images that the report shows", {0}, 6);
  flags.add_whole(
      "jobs", "trainings at once, the threads shared out", {1, 256}, 1
  );
  add("training",
      "only the cells of this training, and no report",
      cxxopts::value<std::string>());
  add("report", "write the report of what is there, and train nothing");
  add("dry-run", "check the grid, list its cells, and estimate the time");
  if (!flags.parse(arguments)) return 0;
  refuse_processes("ablate", "start it once, with --jobs");
  const auto grids = flags.has("grid")
                         ? flags.get<std::vector<std::string>>("grid")
                         : std::vector<std::string>{};
  if (grids.size() != 1) throw ConfigError("name one grid file");

  const auto folder = flags.text("out");
  Ablation ablation(
      read_grid(grids[0]), folder, flags.device(), flags.whole("pictures")
  );
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
      std::cerr << "stopped; the same command goes on\n";
      return kInterrupted;
    }
    if (one) return 0;
  }
  std::cout << ablation.write_report() << '\n' << folder << "/report.html\n";
  const auto failed = ablation.count_failed();
  if (failed > 0) {
    throw Error(
        str(failed,
            " of ",
            ablation.grid().cells.size(),
            " cells are not done (see ",
            folder,
            "/results.jsonl); the same command tries them again")
    );
  }
  return 0;
}

}  // namespace deeplab::apps
