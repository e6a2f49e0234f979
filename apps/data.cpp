// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <filesystem>
#include <iostream>

#include "apps/data_verbs.h"
#include "apps/flags.h"
#include "apps/verbs.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

struct DataVerb {
  const char* name;
  const char* about;
  int (*run)(const Arguments& arguments);
};

constexpr std::array kDataVerbs{
    DataVerb{"check", "read a data set, count labels, find copies", data_check},
    DataVerb{"pack", "write a data set as shards", data_pack},
    DataVerb{"prepare", "unpack a public data set's archives", data_prepare},
    DataVerb{"synthesize", "write the synthetic one out", data_synthesize},
};

}  // namespace

std::string new_folder(const Flags& flags) {
  if (!flags.has("out")) throw ConfigError("name a new folder by --out");
  // Without a slash at its end, so that a suffix names a neighbour.
  auto folder = flags.text("out");
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  if (std::filesystem::exists(folder) && !std::filesystem::is_empty(folder)) {
    throw ConfigError(str(folder, ": is not empty; name a new folder"));
  }
  return folder;
}

int data(const Arguments& arguments) {
  const std::string what = arguments.empty() ? "--help" : arguments[0];
  std::string known;
  for (const auto& verb : kDataVerbs) {
    if (what == verb.name) {
      return verb.run({arguments.begin() + 1, arguments.end()});
    }
    known += str(known.empty() ? "" : ", ", verb.name);
  }
  if (what != "--help" && what != "-h") {
    throw ConfigError(str("data ", what, "; known: ", known));
  }
  for (const auto& verb : kDataVerbs) {
    std::cout << "deeplab data " << verb.name << " [flags]   " << verb.about
              << '\n';
  }
  return 0;
}

}  // namespace deeplab::apps
