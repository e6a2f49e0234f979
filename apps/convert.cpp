// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "apps/flags.h"
#include "apps/verbs.h"
#include "deeplab/core/error.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/weights/name_map.h"
#include "deeplab/weights/read_weights.h"
#include "deeplab/weights/safetensors.h"

namespace deeplab::apps {
namespace {

const weights::NameMap& find_names(const std::string& project) {
  std::string known;
  for (const auto& map : weights::name_maps()) {
    if (project == map.project) return map;
    known += (known.empty() ? "" : ", ") + std::string(map.project);
  }
  throw ConfigError(str("--names \"", project, "\"; known: ", known));
}

/// Our names, where a network is named whose they are.
weights::StateDict under_our_names(
    const weights::StateDict& tensors, const Flags& flags
) {
  if (!flags.has("network") && !flags.has("config")) return tensors;
  const auto config = flags.config(Json::object());
  const model::DeepLab network(
      config.model, flags.whole("num-classes"), model::StartWeights::kUnset
  );
  const auto adopted =
      weights::adopt_names(tensors, weights::state_dict(*network));
  std::cerr << "named as in " << adopted.project << '\n';
  return adopted.tensors;
}

weights::StateDict rename(
    const weights::StateDict& tensors, const weights::NameMap& names
) {
  weights::StateDict renamed;
  for (const auto& item : tensors) {
    const auto name = names.theirs(item.key());
    // A counter that nothing reads, and that TensorFlow has not.
    if (!name && item.key().find("num_batches_tracked") != std::string::npos) {
      continue;
    }
    if (!name) {
      throw ConfigError(
          str("--names ", names.project, ": has no name for ", item.key())
      );
    }
    renamed.insert(*name, names.to_theirs(*name, item.value()));
  }
  return renamed;
}

}  // namespace

int convert(const Arguments& arguments) {
  Flags flags(
      "convert",
      "Writes a file of weights as safetensors, under other names if asked.",
      "IN OUT.safetensors [flags]"
  );
  flags.add_config(ConfigFlags::kNetwork);
  auto add = flags.add();
  add("names",
      "whose names the tensors get; needs our own, or --network",
      cxxopts::value<std::string>());
  add("key",
      "dict of IN to take, e.g. model_ema",
      cxxopts::value<std::string>()->default_value(""));
  flags.add_whole("num-classes", "classes that --network scores", {2}, 21);
  flags.take_positional("files");
  if (!flags.parse(arguments)) return 0;
  const auto files = flags.has("files")
                         ? flags.get<std::vector<std::string>>("files")
                         : std::vector<std::string>();
  if (files.size() != 2) {
    throw ConfigError(str("convert takes two files, got ", files.size()));
  }
  weights::TensorFile file;
  const auto read = weights::read_weights(files[0], flags.text("key"));
  file.tensors = under_our_names(read.tensors, flags);
  if (flags.has("names")) {
    file.tensors = rename(file.tensors, find_names(flags.text("names")));
  }
  file.metadata["format"] = "pt";
  weights::write_safetensors(files[1], file);
  std::cout << files[1] << '\n';
  return 0;
}

}  // namespace deeplab::apps
