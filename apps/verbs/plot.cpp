// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>

#include <fmt/core.h>

#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/report/curves.h"
#include "apps/report/curves_page.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

/// Returns the file for the curves. Throws: ConfigError if its name does not
/// end in .html.
std::string plot_file(const Flags& flags) {
  if (!flags.has("out")) {
    throw ConfigError("--out is not given; name a .html file");
  }
  const auto path = flags.text("out");
  const auto ending = std::filesystem::path(path).extension();
  if (ending == ".html") return path;
  throw ConfigError(fmt::format(
      "--out is {}; must end in .html (a browser can print the page as a picture)",
      path
  ));
}

double smoothing(const Flags& flags) {
  const double keep = flags.number("smooth");
  if (keep >= 0 && keep <= 0.999) return keep;
  throw ConfigError(
      fmt::format("--smooth is {}; must be in 0..0.999", flags.text("smooth"))
  );
}

}  // namespace

int plot(const Arguments& arguments) {
  Flags flags(
      "plot",
      "Draws the curves of trainings in common charts: loss, learning rate, validation.",
      "RUN... --out FILE    RUN: a folder that deeplab train wrote"
  );
  flags.take_positional("runs");
  auto add = flags.add();
  add("out", "HTML file to write; it needs no other files.",
      cxxopts::value<std::string>());
  add("smooth",
      "Exponential smoothing of the loss curve: 0 is none, 0.999 is strongest.",
      cxxopts::value<std::string>()->default_value("0.95"));
  if (!flags.parse(arguments)) return 0;
  if (!flags.has("runs")) {
    throw ConfigError("no runs; name folders that deeplab train wrote");
  }
  const auto path = plot_file(flags);
  const double keep = smoothing(flags);
  const auto runs = read_runs(flags.get<std::vector<std::string>>("runs"));
  write_file(path, curves_page(runs, keep));
  std::cout << path << '\n';
  return 0;
}

}  // namespace deeplab::apps
