// SPDX-License-Identifier: Apache-2.0
#include "data/sets/pascal_voc.h"

#include <filesystem>
#include <set>

#include <fmt/core.h>

#include "data/files/listing.h"
#include "data/sets/file_dataset.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_split(const std::string& list) {
  std::set<std::string> known;
  std::error_code ignored;
  for (const auto& entry :
       fs::directory_iterator(fs::path(list).parent_path(), ignored)) {
    if (entry.path().extension() == ".txt") {
      known.insert(entry.path().stem().string());
    }
  }
  std::string names;
  for (const auto& name : known) names += (names.empty() ? "" : ", ") + name;
  throw DataError(fmt::format(
      "{}: no such list; lists in this folder (data.train_split, data.val_split): {}",
      list, names.empty() ? "none" : names
  ));
}

std::shared_ptr<const Dataset> make_voc_layout(
    const DataConfig& config, Role role, Legend legend
) {
  const auto& root = config.root;
  const auto list =
      root + "/ImageSets/Segmentation/" + config.split(role) + ".txt";
  std::error_code ignored;
  if (!fs::exists(list, ignored)) refuse_split(list);
  std::vector<FilePair> pairs;
  for (const auto& listed : read_list(list)) {
    const auto& id = listed.id;
    if (listed.image.empty()) {
      pairs.push_back(
          {id, find_image(root + "/JPEGImages/" + id),
           find_mask(root + "/SegmentationClass/" + id)}
      );
    } else {
      pairs.push_back({id, root + "/" + listed.image, root + "/" + listed.mask}
      );
    }
  }
  return std::make_shared<FileDataset>(
      config, std::move(pairs), std::move(legend), list
  );
}

Legend by_index(const Classes& classes) {
  return {classes, LabelMap::identity(classes.size())};
}

}  // namespace

std::shared_ptr<const Dataset> make_pascal_voc(
    const DataConfig& config, Role role
) {
  return make_voc_layout(config, role, legend_of(config));
}

std::shared_ptr<const Dataset> make_voc2012(
    const DataConfig& config, Role role
) {
  return make_voc_layout(config, role, by_index(voc2012_classes(config)));
}

Classes voc2012_classes(const DataConfig& config) {
  auto classes = make_classes(
      {"background", "aeroplane",   "bicycle", "bird",  "boat",
       "bottle",     "bus",         "car",     "cat",   "chair",
       "cow",        "diningtable", "dog",     "horse", "motorbike",
       "person",     "pottedplant", "sheep",   "sofa",  "train",
       "tvmonitor"},
      {}
  );
  check_classes(config, classes);
  return classes;
}

std::shared_ptr<const Dataset> make_pascal_context(
    const DataConfig& config, Role role
) {
  return make_voc_layout(
      config, role, by_index(pascal_context_classes(config))
  );
}

Classes pascal_context_classes(const DataConfig& config) {
  auto classes = make_classes(
      {"background", "aeroplane",   "bicycle",    "bird",     "boat",
       "bottle",     "bus",         "car",        "cat",      "chair",
       "cow",        "table",       "dog",        "horse",    "motorbike",
       "person",     "pottedplant", "sheep",      "sofa",     "train",
       "tvmonitor",  "bag",         "bed",        "bench",    "book",
       "building",   "cabinet",     "ceiling",    "cloth",    "computer",
       "cup",        "door",        "fence",      "floor",    "flower",
       "food",       "grass",       "ground",     "keyboard", "light",
       "mountain",   "mouse",       "curtain",    "platform", "sign",
       "plate",      "road",        "rock",       "shelves",  "sidewalk",
       "sky",        "snow",        "bedclothes", "track",    "tree",
       "truck",      "wall",        "water",      "window",   "wood"},
      {}
  );
  check_classes(config, classes);
  return classes;
}

}  // namespace deeplab::data
