// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>

#include "apps/curve_picture.h"
#include "apps/curves.h"
#include "apps/flags.h"
#include "apps/report/curves_page.h"
#include "apps/verbs.h"
#include "data/image_file.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

/// Where the curves go to; its ending has been checked.
std::string plot_file(const Flags& flags) {
  if (!flags.has("out")) {
    throw ConfigError("--out is not given; name a .html or .png file");
  }
  const auto path = flags.text("out");
  const auto ending = std::filesystem::path(path).extension();
  if (ending == ".html" || ending == ".png") return path;
  throw ConfigError(str("--out is ", path, "; must end in .html or .png"));
}

double smoothing(const Flags& flags) {
  const double keep = flags.number("smooth");
  if (keep >= 0 && keep <= 0.999) return keep;
  throw ConfigError(
      str("--smooth is ", flags.text("smooth"), "; must be in 0..0.999")
  );
}

}  // namespace

int plot(const Arguments& arguments) {
  Flags flags(
      "plot",
      "Draws trainings over each other: loss, learning rate, validation.",
      "RUN... --out FILE    RUN: a folder that deeplab train wrote"
  );
  flags.take_positional("runs");
  auto add = flags.add();
  add("out",
      "page (.html, one file) or picture (.png)",
      cxxopts::value<std::string>());
  add("smooth",
      "of the loss, 0 to 0.999: how much an earlier step counts, of the next "
      "one's weight",
      cxxopts::value<std::string>()->default_value("0.95"));
  if (!flags.parse(arguments)) return 0;
  if (!flags.has("runs")) {
    throw ConfigError("no runs; name folders that deeplab train wrote");
  }
  const auto path = plot_file(flags);
  const double keep = smoothing(flags);
  const auto runs = read_runs(flags.get<std::vector<std::string>>("runs"));
  if (std::filesystem::path(path).extension() == ".html") {
    write_file(path, curves_page(runs, keep));
  } else {
    data::write_image(path, draw_curves(runs, keep));
  }
  std::cout << path << '\n';
  return 0;
}

}  // namespace deeplab::apps
