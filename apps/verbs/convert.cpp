// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include <fmt/core.h>

#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/run/recognize.h"
#include "apps/verbs/config_flags.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/weights/name_map.h"
#include "deeplab/weights/read_weights.h"
#include "deeplab/weights/safetensors.h"

namespace deeplab::apps {
namespace {

const weights::NameMap& find_names(const std::string& project) {
  std::vector<std::string> known;
  for (const auto& map : weights::name_maps()) {
    if (project == map.project) return map;
    known.emplace_back(map.project);
  }
  throw ConfigError(unknown_name("--names", project, known));
}

/// Renames the tensors to this project's names if the flags select a network.
/// Otherwise returns them unchanged.
/// Throws: DataError if the file does not fill the network, unless --partial is
///         given.
weights::StateDict under_our_names(
    const std::string& path,
    const weights::WeightsFile& file,
    const ConfigRequest& request,
    const Flags& flags
) {
  if (request.network.empty() && request.file.empty()) return file.tensors;
  const auto config = make_config(Json::object(), request);
  const auto num_classes = flags.has("num-classes")
                               ? flags.whole("num-classes")
                               : count_classes(config.model, file.tensors)
                                     .value_or(flags.whole("num-classes"));
  model::DeepLab network(
      config.model, num_classes, model::StartWeights::kUnset
  );
  const auto adopted =
      weights::adopt_names(file.tensors, weights::state_dict(*network));
  const auto report = weights::load_tensors(*network, file);
  std::cerr << path << ": " << report.summary() << '\n';
  if (report.complete() || flags.has("partial")) return adopted.tensors;
  throw DataError(fmt::format(
      "{}: fills {} of {} tensors of this network; correct --network, or write what fits with --partial",
      path, report.loaded.size(),
      report.loaded.size() + report.missing.size() + report.mismatched.size()
  ));
}

weights::StateDict rename(
    const weights::StateDict& tensors, const weights::NameMap& names
) {
  weights::StateDict renamed;
  for (const auto& item : tensors) {
    const auto name = names.theirs(item.key());
    // Inference does not read this counter, and other projects may not have it.
    if (!name && item.key().find("num_batches_tracked") != std::string::npos) {
      continue;
    }
    if (!name) {
      throw ConfigError(fmt::format(
          "--names {}: there is no such name for the tensor {}", names.project,
          item.key()
      ));
    }
    renamed.insert(*name, names.to_theirs(*name, item.value()));
  }
  return renamed;
}

}  // namespace

int convert(const Arguments& arguments) {
  Flags flags(
      "convert",
      "Writes a file of weights as safetensors, optionally with other tensor names.",
      "IN OUT.safetensors [flags]"
  );
  const ConfigFlags config_flags(flags, ConfigScope::kNetwork);
  auto add = flags.add();
  add("names",
      "Project whose tensor names to write. IN must have this project's names, unless --network is given.",
      cxxopts::value<std::string>());
  add("key", "Dict within IN to read, e.g. model_ema.",
      cxxopts::value<std::string>()->default_value(""));
  flags.add_whole(
      "num-classes",
      "Number of classes of --network; by default that of the file, if it has a classifier.",
      {2}, 21
  );
  add("partial", "Also convert a file that does not fill the network.");
  flags.take_positional("files");
  if (!flags.parse(arguments)) return 0;
  const auto files = flags.words("files");
  if (files.size() != 2) {
    throw ConfigError(fmt::format(
        "convert needs two files, IN and OUT.safetensors; got {}", files.size()
    ));
  }
  weights::TensorFile file;
  const auto read = weights::read_weights(files[0], flags.text("key"));
  file.tensors = under_our_names(files[0], read, config_flags.request(), flags);
  if (flags.has("names")) {
    file.tensors = rename(file.tensors, find_names(flags.text("names")));
  }
  file.metadata["format"] = "pt";
  weights::write_safetensors(files[1], file);
  std::cout << files[1] << '\n';
  return 0;
}

}  // namespace deeplab::apps
