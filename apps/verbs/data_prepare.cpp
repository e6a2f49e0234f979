// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>

#include <fmt/core.h>

#include "apps/cli/flags.h"
#include "apps/verbs/data_verbs.h"
#include "data/prepare/prepare.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

std::string known_sets() {
  std::string text = "Data sets and their sources:\n";
  for (const auto& set : data::preparations()) {
    text += fmt::format("  {}: {}\n", set.name, set.sources);
  }
  return text;
}

const data::Preparation& find_set(const std::string& name) {
  for (const auto& set : data::preparations()) {
    if (name == set.name) return set;
  }
  const auto known = names_of(data::preparations());
  throw ConfigError(fmt::format(
      "data prepare {}; known: {}{}", name, list_names(known),
      suggest_name(name, known)
  ));
}

void add_prepare_flags(Flags& flags) {
  flags.add(
  )("out", "New folder for the data set.", cxxopts::value<std::string>());
  auto add = flags.add("Annotations of your own");
  add("classes", "Names of categories to use, in the order of the classes.",
      cxxopts::value<std::string>());
  add("val-share",
      "Share of the images that is chosen for validation if no split is given; default 0.2.",
      cxxopts::value<std::string>());
  flags.add_whole("seed", "Seed of this choice.", {0}, 0);
  flags.take_positional("sources");
}

/// Reads the flags for annotations of one's own.
void read_own_flags(
    const Flags& flags, const data::Preparation& set, data::PrepareJob& job
) {
  for (const char* flag : {"classes", "val-share", "seed"}) {
    if (set.own || !flags.has(flag)) continue;
    throw ConfigError(fmt::format(
        "--{} has no effect on {}, whose classes and splits are fixed; remove it",
        flag, set.name
    ));
  }
  if (flags.has("classes")) job.classes = flags.list("classes");
  job.seed = static_cast<uint64_t>(flags.whole("seed"));
  if (!flags.has("val-share")) return;
  job.val_share = flags.number("val-share");
  if (*job.val_share > 0 && *job.val_share < 1) return;
  throw ConfigError(fmt::format(
      "--val-share is {}; must be between 0 and 1", flags.text("val-share")
  ));
}

}  // namespace

int data_prepare(const Arguments& arguments) {
  Flags flags(
      "data prepare",
      "Makes a folder that --data can read. Its sources are the files that the\n"
      "owner of the data set publishes, which you have downloaded: archives, or\n"
      "folders with their contents.\n\n" +
          known_sets(),
      "SET SOURCE... --out DIR"
  );
  add_prepare_flags(flags);
  if (!flags.parse(arguments)) return 0;
  const auto words = flags.words("sources");
  if (words.size() < 2) {
    throw ConfigError(
        "name the data set and its sources; deeplab data prepare --help lists "
        "them"
    );
  }
  const auto& set = find_set(words[0]);
  data::PrepareJob job;
  job.sources.assign(words.begin() + 1, words.end());
  for (const auto& source : job.sources) {
    if (!fs::exists(source))
      throw DataError(fmt::format("{}: no such file", source));
  }
  read_own_flags(flags, set, job);
  job.say = [](const std::string& line) { std::cerr << line << '\n'; };
  const auto out = new_folder(flags);
  // The folder has another name until it is complete.
  job.out = out + ".partial";
  if (fs::exists(job.out)) {
    throw ConfigError(
        fmt::format("{}: exists from an earlier attempt; remove it", job.out)
    );
  }
  fs::create_directories(job.out);
  int64_t files = 0;
  job.on_file = [&](int64_t count) {
    files = count;
    constexpr int64_t kEvery = 500;
    if (count % kEvery == 0) std::cerr << count << " files\n";
  };
  std::string kind;
  try {
    kind = set.run(job);
  } catch (...) {
    fs::remove_all(job.out);
    throw;
  }
  fs::remove_all(out);
  fs::rename(job.out, out);
  std::cout << out << ": " << files << " files; --data " << out
            << " --data-kind " << kind << '\n';
  return 0;
}

}  // namespace deeplab::apps
