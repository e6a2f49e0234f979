// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <fmt/core.h>

#include "data/files/archive.h"
#include "data/prepare/coco_mask.h"
#include "data/prepare/prepare.h"
#include "data/prepare/prepare_files.h"
#include "data/sets/pascal_voc.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

constexpr int64_t kLeastPixels = 1000;

/// VOC's class for each COCO category that has one.
const std::map<int64_t, uint8_t>& voc_of_category() {
  static const std::map<int64_t, uint8_t> table{
      {1, 15},   // person
      {2, 2},    // bicycle
      {3, 7},    // car
      {4, 14},   // motorcycle
      {5, 1},    // airplane
      {6, 6},    // bus
      {7, 19},   // train
      {9, 4},    // boat
      {16, 3},   // bird
      {17, 8},   // cat
      {18, 12},  // dog
      {19, 13},  // horse
      {20, 17},  // sheep
      {21, 10},  // cow
      {44, 5},   // bottle
      {62, 9},   // chair
      {63, 18},  // couch
      {64, 16},  // potted plant
      {67, 11},  // dining table
      {72, 20},  // tv
  };
  return table;
}

/// An image and its regions, as given by the annotations.
struct CocoImage {
  std::string file;
  cv::Size size;
  struct Region {
    uint8_t label;
    Json segmentation;
  };
  std::vector<Region> regions;
};
using CocoImages = std::map<int64_t, CocoImage>;

void take_annotation(const Json& item, CocoImages& images) {
  const auto voc =
      voc_of_category().find(item.at("category_id").get<int64_t>());
  if (voc == voc_of_category().end()) return;
  auto& image = images[item.at("image_id").get<int64_t>()];
  image.regions.push_back({voc->second, item.at("segmentation")});
}

void take_image(const Json& item, CocoImages& images) {
  auto& image = images[item.at("id").get<int64_t>()];
  image.file = item.at("file_name").get<std::string>();
  const auto side = [&](const char* key) {
    constexpr int64_t kMost = 65535;
    const auto pixels = item.at(key).get<int64_t>();
    if (pixels >= 1 && pixels <= kMost) return static_cast<int>(pixels);
    throw DataError(fmt::format(
        "image {} has {} {}; must be 1 to {}", image.file, key, pixels, kMost
    ));
  };
  image.size = {side("width"), side("height")};
}

/// Parses the annotations (hundreds of megabytes of JSON) item by item and
/// keeps only what is needed.
CocoImages read_annotations(const std::string& text, const std::string& name) {
  CocoImages images;
  std::string list;
  constexpr int kListDepth = 1;
  constexpr int kItemDepth = 2;
  const auto take = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth == kListDepth && event == Json::parse_event_t::key) {
      list = value.get<std::string>();
    }
    if (depth != kItemDepth || event != Json::parse_event_t::object_end) {
      return true;
    }
    if (list == "annotations") take_annotation(value, images);
    if (list == "images") take_image(value, images);
    return false;
  };
  try {
    const auto rest = Json::parse(text, take);
    if (!rest.is_object())
      throw DataError(fmt::format("{}: expected a JSON object", name));
  } catch (const Json::exception& error) {
    throw DataError(fmt::format("{}: {}", name, error.what()));
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", name, error.what()));
  }
  return images;
}

/// Draws the regions of an image. Pixels without a region are background, and
/// pixels where two classes overlap are void.
cv::Mat mask_of(const CocoImage& image) {
  cv::Mat mask = cv::Mat::zeros(image.size, CV_8UC1);
  for (const auto& [label, segmentation] : image.regions) {
    const auto region = coco_region(segmentation, image.size);
    for (int y = 0; y < mask.rows; ++y) {
      auto* row = mask.ptr<uint8_t>(y);
      const auto* inside = region.ptr<uint8_t>(y);
      for (int x = 0; x < mask.cols; ++x) {
        if (inside[x] == 0) continue;
        row[x] = row[x] == 0 || row[x] == label ? label
                                                : static_cast<uint8_t>(kVoid);
      }
    }
  }
  return mask;
}

int64_t pixels_of_classes(const cv::Mat& mask) {
  int64_t pixels = 0;
  for (const auto label : cv::Mat_<uint8_t>(mask)) {
    pixels += label != 0 && label != kVoid ? 1 : 0;
  }
  return pixels;
}

/// Writes the masks of one split's annotations and returns the names of the
/// photos that belong to them.
std::set<std::string> write_masks(
    const CocoImages& images, const std::string& name, PreparedFolder& out
) {
  const auto classes = voc2012_classes({});
  std::set<std::string> kept;
  for (const auto& [id, image] : images) {
    if (image.regions.empty()) continue;
    cv::Mat mask;
    try {
      if (image.size.empty()) throw DataError("has annotations, but no size");
      mask = mask_of(image);
    } catch (const DataError& error) {
      throw DataError(fmt::format("{}: image {}: {}", name, id, error.what()));
    }
    if (pixels_of_classes(mask) <= kLeastPixels) continue;
    const auto stem = tail_of(image.file).stem;
    out.write_labels("SegmentationClass/" + stem + ".png", mask, classes);
    kept.insert(stem);
  }
  return kept;
}

}  // namespace

void prepare_coco(const PrepareJob& job) {
  PreparedFolder out(job);
  std::map<std::string, std::set<std::string>> splits;
  const auto split_of = [](const std::string& name) -> std::string {
    const auto stem = tail_of(name).stem;
    if (tail_of(name).ending != ".json") return "";
    if (stem.rfind("instances_train", 0) == 0) return "train";
    return stem.rfind("instances_val", 0) == 0 ? "val" : "";
  };
  for (const auto& source : job.sources) {
    read_files(
        source,
        [&](const std::string& name) { return !split_of(name).empty(); },
        [&](const std::string& name, const std::string& bytes) {
          const auto split = split_of(name);
          if (splits.count(split) > 0) {
            throw DataError(fmt::format(
                "{}: a second file of the split {}; give only one", name, split
            ));
          }
          splits[split] = write_masks(read_annotations(bytes, name), name, out);
        }
    );
  }
  for (const char* split : {"train", "val"}) {
    if (splits.count(split) > 0) continue;
    throw DataError(fmt::format(
        "{}: the sources do not contain instances_{}*.json; name all sources",
        job.sources.front(), split
    ));
  }
  std::set<std::string> missing = splits["train"];
  missing.insert(splits["val"].begin(), splits["val"].end());
  for (const auto& source : job.sources) {
    read_files(
        source,
        [&](const std::string& name) {
          const auto tail = tail_of(name);
          return tail.ending == ".jpg" && missing.count(tail.stem) > 0;
        },
        [&](const std::string& name, const std::string& bytes) {
          const auto tail = tail_of(name);
          out.write("JPEGImages/" + tail.stem + ".jpg", bytes);
          missing.erase(tail.stem);
        }
    );
  }
  if (!missing.empty()) {
    throw DataError(fmt::format(
        "{}.jpg: missing in the sources, like {} photos in total",
        *missing.begin(), missing.size()
    ));
  }
  out.write_legend(voc2012_classes({}));
  for (const auto& [split, ids] : splits) out.write_list(split, ids);
}

}  // namespace deeplab::data
