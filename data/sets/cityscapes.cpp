// SPDX-License-Identifier: Apache-2.0
#include "data/sets/cityscapes.h"

#include <array>
#include <filesystem>

#include "data/files/listing.h"
#include "data/sets/file_dataset.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

struct CityClass {
  const char* name;
  std::vector<int64_t> color;
  /// Value in *_labelIds.png.
  int64_t id;
};

/// Source: cityscapesScripts, helpers/labels.py.
const std::vector<CityClass>& city_classes() {
  static const std::vector<CityClass> classes{
      {"road", {128, 64, 128}, 7},
      {"sidewalk", {244, 35, 232}, 8},
      {"building", {70, 70, 70}, 11},
      {"wall", {102, 102, 156}, 12},
      {"fence", {190, 153, 153}, 13},
      {"pole", {153, 153, 153}, 17},
      {"traffic light", {250, 170, 30}, 19},
      {"traffic sign", {220, 220, 0}, 20},
      {"vegetation", {107, 142, 35}, 21},
      {"terrain", {152, 251, 152}, 22},
      {"sky", {70, 130, 180}, 23},
      {"person", {220, 20, 60}, 24},
      {"rider", {255, 0, 0}, 25},
      {"car", {0, 0, 142}, 26},
      {"truck", {0, 0, 70}, 27},
      {"bus", {0, 60, 100}, 28},
      {"train", {0, 80, 100}, 31},
      {"motorcycle", {0, 0, 230}, 32},
      {"bicycle", {119, 11, 32}, 33},
  };
  return classes;
}

constexpr int64_t kIds = 34;
constexpr const char* kImageEnding = "_leftImg8bit.png";

/// Returns the map for one kind of mask. Both kinds use the same values with
/// different meanings, so the file names decide which kind a split has.
LabelMap map_of(bool train_ids) {
  const auto& classes = city_classes();
  const auto count = static_cast<int64_t>(classes.size());
  if (train_ids) return LabelMap::identity(count);
  LabelMap map;
  for (int64_t id = 0; id < kIds; ++id) map.set_index(id, kVoid);
  map.set_index(kVoid, kVoid);
  for (int64_t k = 0; k < count; ++k) {
    map.set_index(classes[static_cast<size_t>(k)].id, k);
  }
  return map;
}

std::shared_ptr<const Dataset> make(
    const DataConfig& config, Role role, const std::string& annotations
) {
  const auto& split = config.split(role);
  const auto images = config.root + "/leftImg8bit/" + split;
  const auto masks = config.root + "/" + annotations + "/" + split + "/";
  const auto mask_of = [&](const std::string& stem, const char* what) {
    return masks + stem + "_" + annotations + "_" + what + ".png";
  };
  std::vector<FilePair> pairs;
  bool train_ids = false;
  for (const auto& file : list_files(images, kImageEnding)) {
    const auto stem = file.substr(0, file.rfind(kImageEnding));
    if (pairs.empty()) {
      train_ids = !std::filesystem::exists(mask_of(stem, "labelIds"));
    }
    pairs.push_back(
        {std::filesystem::path(stem).filename().string(), images + "/" + file,
         mask_of(stem, train_ids ? "labelTrainIds" : "labelIds")}
    );
  }
  return std::make_shared<FileDataset>(
      config, std::move(pairs),
      Legend{cityscapes_classes(config), map_of(train_ids)}, images
  );
}

}  // namespace

std::shared_ptr<const Dataset> make_cityscapes(
    const DataConfig& config, Role role
) {
  return make(config, role, "gtFine");
}

std::shared_ptr<const Dataset> make_cityscapes_coarse(
    const DataConfig& config, Role role
) {
  return make(config, role, "gtCoarse");
}

Classes cityscapes_classes(const DataConfig& config) {
  std::vector<std::string> names;
  std::vector<std::vector<int64_t>> colors;
  for (const auto& entry : city_classes()) {
    names.emplace_back(entry.name);
    colors.push_back(entry.color);
  }
  auto classes = make_classes(names, colors);
  // The benchmark's server takes these values too.
  for (const auto& entry : city_classes()) classes.values.push_back(entry.id);
  check_classes(config, classes);
  return classes;
}

}  // namespace deeplab::data
