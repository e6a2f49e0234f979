// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <filesystem>
#include <iostream>

#include <fmt/core.h>

#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/verbs/data_verbs.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::apps {
namespace {

struct DataVerb {
  const char* name;
  const char* about;
  int (*run)(const Arguments& arguments);
};

constexpr std::array kDataVerbs{
    DataVerb{
        "check", "check a data set, count labels, find duplicates", data_check},
    DataVerb{"pack", "write a data set as shards", data_pack},
    DataVerb{"prepare", "unpack a public data set's archives", data_prepare},
    DataVerb{
        "synthesize", "write the synthetic data set as files", data_synthesize},
};

}  // namespace

std::string new_folder(const Flags& flags) {
  if (!flags.has("out"))
    throw ConfigError("--out is not given; name a new folder");
  // Removes slashes at the end, so that a suffix can be appended to the name.
  auto folder = flags.text("out");
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  if (std::filesystem::exists(folder) && !std::filesystem::is_empty(folder)) {
    throw ConfigError(fmt::format("{}: is not empty; name a new folder", folder)
    );
  }
  return folder;
}

int data(const Arguments& arguments) {
  const std::string what = arguments.empty() ? "--help" : arguments[0];
  for (const auto& verb : kDataVerbs) {
    if (what == verb.name) {
      return verb.run({arguments.begin() + 1, arguments.end()});
    }
  }
  if (what != "--help" && what != "-h") {
    const auto known = names_of(kDataVerbs);
    throw ConfigError(fmt::format(
        "data {}; known: {}{}", what, list_names(known),
        suggest_name(what, known)
    ));
  }
  for (const auto& verb : kDataVerbs) {
    std::cout << "deeplab data " << verb.name << " [flags]   " << verb.about
              << '\n';
  }
  return 0;
}

}  // namespace deeplab::apps
