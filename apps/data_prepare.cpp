// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>

#include "apps/data_verbs.h"
#include "apps/flags.h"
#include "data/prepare.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

std::string known_sets() {
  std::string text = "Data sets and what they are made of:\n";
  for (const auto& set : data::preparations()) {
    text += str("  ", set.name, ": ", set.sources, "\n");
  }
  return text;
}

const data::Preparation& find_set(const std::string& name) {
  std::string known;
  for (const auto& set : data::preparations()) {
    if (name == set.name) return set;
    known += str(known.empty() ? "" : ", ", set.name);
  }
  throw ConfigError(str("data prepare ", name, "; known: ", known));
}

}  // namespace

int data_prepare(const Arguments& arguments) {
  Flags flags(
      "data prepare",
      "Makes a folder that --data reads from what a data set's owner "
      "publishes\n"
      "and you have downloaded: archives, or folders with the same in "
      "them.\n\n" +
          known_sets(),
      "SET SOURCE... --out DIR"
  );
  flags.add()("out", "new folder", cxxopts::value<std::string>());
  flags.take_positional("sources");
  if (!flags.parse(arguments)) return 0;
  const auto words = flags.has("sources")
                         ? flags.get<std::vector<std::string>>("sources")
                         : std::vector<std::string>{};
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
    if (!fs::exists(source)) throw DataError(str(source, ": no such file"));
  }
  const auto out = new_folder(flags);
  // Under another name until it is whole.
  job.out = out + ".partial";
  if (fs::exists(job.out)) {
    throw ConfigError(str(job.out, ": is there from an earlier try; remove it")
    );
  }
  fs::create_directories(job.out);
  int64_t files = 0;
  job.on_file = [&](int64_t count) {
    files = count;
    constexpr int64_t kEvery = 500;
    if (count % kEvery == 0) std::cerr << count << " files\n";
  };
  try {
    set.run(job);
  } catch (...) {
    fs::remove_all(job.out);
    throw;
  }
  fs::remove_all(out);
  fs::rename(job.out, out);
  std::cout << out << ": " << files << " files; --data " << out
            << " --data-kind " << set.kind << '\n';
  return 0;
}

}  // namespace deeplab::apps
