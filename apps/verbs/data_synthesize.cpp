// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>
#include <sstream>

#include <fmt/core.h>

#include "apps/cli/flags.h"
#include "apps/machine/progress.h"
#include "apps/verbs/config_flags.h"
#include "apps/verbs/data_verbs.h"
#include "data/dataset/legend.h"
#include "data/files/image_file.h"
#include "data/kinds.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

namespace fs = std::filesystem;

void write_split(
    const data::Dataset& dataset,
    const std::string& folder,
    const std::string& split
) {
  std::ostringstream list;
  Progress progress("synthesize " + split, dataset.size(), 0);
  for (int64_t index = 0; index < dataset.size(); ++index) {
    const auto sample = dataset.load(index);
    const auto id = dataset.id(index);
    data::write_image(
        fmt::format("{}/JPEGImages/{}.jpg", folder, id), sample.image
    );
    data::write_mask(
        fmt::format("{}/SegmentationClass/{}.png", folder, id), sample.labels,
        dataset.classes()
    );
    list << id << '\n';
    progress.update(index + 1, "");
  }
  write_file(
      fmt::format("{}/ImageSets/Segmentation/{}.txt", folder, split), list.str()
  );
}

}  // namespace

int data_synthesize(const Arguments& arguments) {
  Flags flags(
      "data synthesize",
      "Writes the synthetic data set as files, in Pascal VOC layout.",
      "DIR [--set data.synthetic.train_images=100 ...]"
  );
  const ConfigFlags config_flags(flags, ConfigScope::kData);
  flags.take_positional("folder");
  if (!flags.parse(arguments)) return 0;
  const auto folders = flags.words("folder");
  if (folders.size() != 1) throw ConfigError("name one folder to write into");
  const auto& folder = folders[0];
  if (fs::exists(folder) && !fs::is_empty(folder)) {
    throw ConfigError(fmt::format("{}: is not empty; name a new folder", folder)
    );
  }
  auto config = config_flags.config(Json::object()).data;
  config.kind = "synthetic";
  const auto train = make_dataset(config, data::Role::kTrain);
  write_split(*train, folder, "train");
  write_split(*make_dataset(config, data::Role::kValidation), folder, "val");
  write_file(
      folder + "/classes.json",
      data::write_classes(train->classes()).dump(2) + "\n"
  );
  std::cout << folder << '\n';
  return 0;
}

}  // namespace deeplab::apps
