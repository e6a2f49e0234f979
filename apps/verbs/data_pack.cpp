// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "apps/cli/flags.h"
#include "apps/machine/progress.h"
#include "apps/verbs/config_flags.h"
#include "apps/verbs/data_verbs.h"
#include "data/kinds.h"
#include "data/packed/pack.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {

int data_pack(const Arguments& arguments) {
  Flags flags(
      "data pack",
      "Writes a data set as shards: tar files of the original bytes, as in\n"
      "WebDataset, with an index. --data reads the folder like any other.",
      "--config FILE | --data DIR --out DIR [--shard-mib 256]"
  );
  flags.add(
  )("out", "New folder for the shards.", cxxopts::value<std::string>());
  flags.add_whole(
      "shard-mib", "Approximate size of a shard in MiB.", {1, 65536}, 256
  );
  const ConfigFlags config_flags(flags, ConfigScope::kData);
  if (!flags.parse(arguments)) return 0;
  const auto config = config_flags.config(Json::object()).data;
  const auto folder = new_folder(flags);
  std::vector<data::PackInput> splits;
  for (const auto role : {data::Role::kTrain, data::Role::kValidation}) {
    splits.push_back({config.split(role), make_dataset(config, role)});
  }
  std::unique_ptr<Progress> progress;
  data::pack(
      splits, folder, flags.whole("shard-mib") << 20U,
      [&](const std::string& split, int64_t done) {
        if (done == 1) {
          const auto& input = splits[split == splits[0].name ? 0 : 1];
          progress = std::make_unique<Progress>(
              "pack " + split, input.dataset->size(), 0
          );
        }
        if (done > 1) progress->update(done, "");
      }
  );
  progress.reset();
  std::cout << folder << '\n';
  return 0;
}

}  // namespace deeplab::apps
