// SPDX-License-Identifier: Apache-2.0
#include "data/sets/folder.h"

#include <fmt/core.h>

#include "data/files/listing.h"
#include "data/sets/file_dataset.h"
#include "deeplab/core/error.h"

namespace deeplab::data {

std::shared_ptr<const Dataset> make_folder(
    const DataConfig& config, Role role
) {
  const auto& split = config.split(role);
  const auto images = config.root + "/images/" + split;
  std::vector<FilePair> pairs;
  for (const auto& file : list_files(images, "")) {
    const auto dot = file.rfind('.');
    const auto ending = dot == std::string::npos ? "" : file.substr(dot);
    if (ending != ".jpg" && ending != ".jpeg" && ending != ".png") {
      throw DataError(fmt::format(
          "{}/{}: not a photo; known: .jpg, .jpeg, .png", images, file
      ));
    }
    const auto stem = file.substr(0, dot);
    pairs.push_back(
        {stem, images + "/" + file,
         config.root + "/masks/" + split + "/" + stem + ".png"}
    );
  }
  return std::make_shared<FileDataset>(
      std::move(pairs), legend_of(config), images
  );
}

}  // namespace deeplab::data
