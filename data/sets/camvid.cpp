// SPDX-License-Identifier: Apache-2.0
#include "data/sets/camvid.h"

#include <filesystem>

#include <fmt/core.h>

#include "data/files/listing.h"
#include "data/sets/file_dataset.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

namespace fs = std::filesystem;

/// One of the 32 original classes, and which of the 11 classes it counts as.
struct Original {
  Color color;
  int64_t label;
};

enum : int64_t {
  kSky,
  kBuilding,
  kPole,
  kRoad,
  kPavement,
  kTree,
  kSignSymbol,
  kFence,
  kCar,
  kPedestrian,
  kBicyclist,
  kClasses
};

/// Source: CamVid's label_colors.txt. The grouping is that of Sturgess et al.
///         2009, which SegNet follows.
const std::vector<Original>& originals() {
  static const std::vector<Original> table{
      {{64, 128, 64}, kPedestrian},    // Animal
      {{192, 0, 128}, kBuilding},      // Archway
      {{0, 128, 192}, kBicyclist},     // Bicyclist
      {{0, 128, 64}, kBuilding},       // Bridge
      {{128, 0, 0}, kBuilding},        // Building
      {{64, 0, 128}, kCar},            // Car
      {{64, 0, 192}, kPedestrian},     // CartLuggagePram
      {{192, 128, 64}, kPedestrian},   // Child
      {{192, 192, 128}, kPole},        // Column_Pole
      {{64, 64, 128}, kFence},         // Fence
      {{128, 0, 192}, kRoad},          // LaneMkgsDriv
      {{192, 0, 64}, kRoad},           // LaneMkgsNonDriv
      {{128, 128, 64}, kSignSymbol},   // Misc_Text
      {{192, 0, 192}, kBicyclist},     // MotorcycleScooter
      {{128, 64, 64}, kCar},           // OtherMoving
      {{64, 192, 128}, kPavement},     // ParkingBlock
      {{64, 64, 0}, kPedestrian},      // Pedestrian
      {{128, 64, 128}, kRoad},         // Road
      {{128, 128, 192}, kPavement},    // RoadShoulder
      {{0, 0, 192}, kPavement},        // Sidewalk
      {{192, 128, 128}, kSignSymbol},  // SignSymbol
      {{128, 128, 128}, kSky},         // Sky
      {{64, 128, 192}, kCar},          // SUVPickupTruck
      {{0, 0, 64}, kPole},             // TrafficCone
      {{0, 64, 64}, kSignSymbol},      // TrafficLight
      {{192, 64, 128}, kCar},          // Train
      {{128, 128, 0}, kTree},          // Tree
      {{192, 128, 192}, kCar},         // Truck_Bus
      {{64, 0, 64}, kBuilding},        // Tunnel
      {{192, 192, 0}, kTree},          // VegetationMisc
      {{0, 0, 0}, kVoid},              // Void
      {{64, 192, 0}, kBuilding},       // Wall
  };
  return table;
}

/// Returns a map of both SegNet's values and the original's colors, since masks
/// of either kind occur in either layout.
LabelMap camvid_map() {
  LabelMap map;
  for (const auto& entry : originals()) map.set_color(entry.color, entry.label);
  for (int64_t k = 0; k < kClasses; ++k) map.set_index(k, k);
  map.set_index(kClasses, kVoid);
  map.set_index(kVoid, kVoid);
  return map;
}

/// Returns `root` followed by the last two parts of a listed path. Lists hold
/// the absolute paths of whoever made them.
std::string below(const std::string& root, const std::string& listed) {
  const fs::path path(listed);
  return (fs::path(root) / path.parent_path().filename() / path.filename())
      .string();
}

std::vector<FilePair> segnet_pairs(
    const std::string& root, const std::string& list
) {
  std::vector<FilePair> pairs;
  for (const auto& listed : read_list(list)) {
    if (listed.image.empty()) {
      throw DataError(fmt::format(
          "{}: line {} is \"{}\"; expected image and mask", list, listed.line,
          listed.text
      ));
    }
    pairs.push_back(
        {fs::path(listed.image).stem().string(), below(root, listed.image),
         below(root, listed.mask)}
    );
  }
  return pairs;
}

}  // namespace

std::shared_ptr<const Dataset> make_camvid(
    const DataConfig& config, Role role
) {
  const auto& root = config.root;
  const auto list = root + "/" + config.split(role) + ".txt";
  auto classes = camvid_classes(config);
  const auto photos = root + "/701_StillsRaw_full";
  if (!fs::is_directory(photos)) {
    return std::make_shared<FileDataset>(
        config, segnet_pairs(root, list),
        Legend{std::move(classes), camvid_map()}, list
    );
  }
  if (!fs::exists(list)) {
    throw DataError(fmt::format(
        "{}: no such file; the original data set has no splits: write the IDs of this split into the file, one per line",
        list
    ));
  }
  std::vector<FilePair> pairs;
  for (const auto& id : read_ids(list)) {
    pairs.push_back(
        {id, photos + "/" + id + ".png",
         root + "/LabeledApproved_full/" + id + "_L.png"}
    );
  }
  return std::make_shared<FileDataset>(
      config, std::move(pairs), Legend{std::move(classes), camvid_map()}, list
  );
}

Classes camvid_classes(const DataConfig& config) {
  auto classes = make_classes(
      {"sky", "building", "pole", "road", "pavement", "tree", "signsymbol",
       "fence", "car", "pedestrian", "bicyclist"},
      {{128, 128, 128},
       {128, 0, 0},
       {192, 192, 128},
       {128, 64, 128},
       {0, 0, 192},
       {128, 128, 0},
       {192, 128, 128},
       {64, 64, 128},
       {64, 0, 128},
       {64, 64, 0},
       {0, 128, 192}}
  );
  check_classes(config, classes);
  return classes;
}

}  // namespace deeplab::data
