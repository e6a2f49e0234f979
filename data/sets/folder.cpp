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
    if (!is_photo_name(file)) {
      throw DataError(fmt::format(
          "{}/{}: not a photo; known: {}", images, file, photo_endings()
      ));
    }
    const auto stem = file.substr(0, file.rfind('.'));
    pairs.push_back(
        {stem, images + "/" + file,
         find_mask(config.root + "/masks/" + split + "/" + stem)}
    );
  }
  return std::make_shared<FileDataset>(
      config, std::move(pairs), legend_of(config), images
  );
}

}  // namespace deeplab::data
