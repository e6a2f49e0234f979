// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include <fmt/core.h>

#include "data/files/archive.h"
#include "data/prepare/annotated.h"
#include "data/prepare/coco_mask.h"
#include "data/prepare/prepare.h"
#include "data/sets/pascal_voc.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

/// DeepLabV3 trains on COCO's images with more pixels of VOC's classes.
constexpr int64_t kLeastPixels = 1000;

/// COCO's 80 categories, and VOC's class for those that have one.
struct CocoName {
  const char* name;
  const char* voc;
};
constexpr std::array<CocoName, 80> kCocoNames{{
    {"person", "person"},
    {"bicycle", "bicycle"},
    {"car", "car"},
    {"motorcycle", "motorbike"},
    {"airplane", "aeroplane"},
    {"bus", "bus"},
    {"train", "train"},
    {"truck", ""},
    {"boat", "boat"},
    {"traffic light", ""},
    {"fire hydrant", ""},
    {"stop sign", ""},
    {"parking meter", ""},
    {"bench", ""},
    {"bird", "bird"},
    {"cat", "cat"},
    {"dog", "dog"},
    {"horse", "horse"},
    {"sheep", "sheep"},
    {"cow", "cow"},
    {"elephant", ""},
    {"bear", ""},
    {"zebra", ""},
    {"giraffe", ""},
    {"backpack", ""},
    {"umbrella", ""},
    {"handbag", ""},
    {"tie", ""},
    {"suitcase", ""},
    {"frisbee", ""},
    {"skis", ""},
    {"snowboard", ""},
    {"sports ball", ""},
    {"kite", ""},
    {"baseball bat", ""},
    {"baseball glove", ""},
    {"skateboard", ""},
    {"surfboard", ""},
    {"tennis racket", ""},
    {"bottle", "bottle"},
    {"wine glass", ""},
    {"cup", ""},
    {"fork", ""},
    {"knife", ""},
    {"spoon", ""},
    {"bowl", ""},
    {"banana", ""},
    {"apple", ""},
    {"sandwich", ""},
    {"orange", ""},
    {"broccoli", ""},
    {"carrot", ""},
    {"hot dog", ""},
    {"pizza", ""},
    {"donut", ""},
    {"cake", ""},
    {"chair", "chair"},
    {"couch", "sofa"},
    {"potted plant", "pottedplant"},
    {"bed", ""},
    {"dining table", "diningtable"},
    {"toilet", ""},
    {"tv", "tvmonitor"},
    {"laptop", ""},
    {"mouse", ""},
    {"remote", ""},
    {"keyboard", ""},
    {"cell phone", ""},
    {"microwave", ""},
    {"oven", ""},
    {"toaster", ""},
    {"sink", ""},
    {"refrigerator", ""},
    {"book", ""},
    {"clock", ""},
    {"vase", ""},
    {"scissors", ""},
    {"teddy bear", ""},
    {"hair drier", ""},
    {"toothbrush", ""},
}};

/// Returns VOC's class for a category, empty if it has none; nullopt for a name
/// that is not COCO's.
std::optional<std::string> voc_of_coco(const std::string& category) {
  for (const auto& [name, voc] : kCocoNames) {
    if (category == name) return voc;
  }
  return std::nullopt;
}

/// An image and its regions, as given by the annotations.
struct CocoImage {
  std::string file;
  cv::Size size;
  struct Region {
    /// The category's ID, as JSON.
    std::string category;
    Json segmentation;
  };
  std::vector<Region> regions;
};

struct Category {
  std::string name;
  std::string parent;
};

/// One file of annotations. IDs are texts of JSON, since some programs write
/// words.
struct CocoFile {
  std::string name;
  std::map<std::string, CocoImage> images;
  std::vector<std::pair<std::string, Category>> categories;
};

void take_annotation(const Json& item, CocoFile& file) {
  auto& image = file.images[item.at("image_id").dump()];
  image.regions.push_back(
      {item.at("category_id").dump(), item.at("segmentation")}
  );
}

void take_image(const Json& item, CocoFile& file) {
  auto& image = file.images[item.at("id").dump()];
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

void take_category(const Json& item, CocoFile& file) {
  const auto parent = item.find("supercategory");
  file.categories.push_back(
      {item.at("id").dump(),
       {item.at("name").get<std::string>(),
        parent != item.end() && parent->is_string() ? parent->get<std::string>()
                                                    : ""}}
  );
}

/// Parses the annotations (hundreds of megabytes of JSON) item by item and
/// keeps only what is needed.
CocoFile read_annotations(const std::string& text, const std::string& name) {
  CocoFile file;
  file.name = name;
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
    if (list == "annotations") take_annotation(value, file);
    if (list == "images") take_image(value, file);
    if (list == "categories") take_category(value, file);
    return false;
  };
  try {
    const auto rest = Json::parse(text, take);
    if (!rest.is_object()) throw DataError("expected a JSON object");
    if (file.categories.empty()) throw DataError("has no categories");
  } catch (const Json::exception& error) {
    throw DataError(fmt::format("{}: {}", name, error.what()));
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", name, error.what()));
  }
  return file;
}

/// The class of each category, in the order of Classes, or none.
struct CategoryMap {
  Classes classes;
  bool is_voc = false;
  /// Class of each category by name. Categories that are not in it are
  /// background.
  std::map<std::string, uint8_t> class_of;
};

/// Returns the names of the categories, in the order of the files. A category
/// without annotations that only groups others is left out.
std::vector<std::string> category_names(const std::vector<CocoFile>& files) {
  std::set<std::string> used;
  std::set<std::string> parents;
  for (const auto& file : files) {
    std::set<std::string> ids;
    for (const auto& [id, image] : file.images) {
      for (const auto& region : image.regions) ids.insert(region.category);
    }
    for (const auto& [id, category] : file.categories) {
      if (ids.count(id) > 0) used.insert(category.name);
      if (category.parent != category.name) parents.insert(category.parent);
    }
  }
  std::vector<std::string> names;
  for (const auto& file : files) {
    for (const auto& [id, category] : file.categories) {
      const auto& name = category.name;
      const bool groups = parents.count(name) > 0 && used.count(name) == 0;
      const bool is_new =
          std::find(names.begin(), names.end(), name) == names.end();
      if (is_new && !groups) names.push_back(name);
    }
  }
  return names;
}

CategoryMap map_categories(
    const PrepareJob& job, const std::vector<CocoFile>& files
) {
  const auto names = category_names(files);
  CategoryMap map;
  map.is_voc = job.classes.empty() &&
               std::all_of(names.begin(), names.end(), [](const auto& name) {
                 return voc_of_coco(name).has_value();
               });
  map.classes = map.is_voc
                    ? voc2012_classes({})
                    : choose_classes(names, job.classes, files.front().name);
  const auto& classes = map.classes.names;
  for (const auto& name : names) {
    const auto wanted = map.is_voc ? *voc_of_coco(name) : name;
    const auto found = std::find(classes.begin(), classes.end(), wanted);
    if (found == classes.end()) continue;
    map.class_of[name] = static_cast<uint8_t>(found - classes.begin());
  }
  if (map.is_voc && job.say) {
    job.say(
        "all categories are COCO's, so they become Pascal VOC's classes (--classes a,b,c keeps categories as they are)"
    );
  }
  return map;
}

/// Draws the regions of an image. Pixels without a region are background, and
/// pixels where two classes overlap are void.
class MaskPainter {
 public:
  MaskPainter(const CocoFile& file, const CategoryMap& map) {
    const auto& names = map.classes.names;
    background_ = static_cast<uint8_t>(
        std::find(names.begin(), names.end(), "background") - names.begin()
    );
    for (const auto& [id, category] : file.categories) {
      const auto found = map.class_of.find(category.name);
      class_of_[id] = found == map.class_of.end() ? background_ : found->second;
    }
  }

  cv::Mat draw(const CocoImage& image) const {
    cv::Mat mask(image.size, CV_8UC1, cv::Scalar(background_));
    for (const auto& [category, segmentation] : image.regions) {
      const auto found = class_of_.find(category);
      if (found == class_of_.end()) {
        throw DataError(fmt::format(
            "category {} is not in the list of categories", category
        ));
      }
      if (segmentation.is_array() && segmentation.empty()) {
        throw DataError(fmt::format(
            "an annotation of category {} has no segmentation, only a box",
            category
        ));
      }
      if (found->second == background_) continue;
      add(coco_region(segmentation, image.size), found->second, mask);
    }
    return mask;
  }

  int64_t pixels_of_classes(const cv::Mat& mask) const {
    int64_t pixels = 0;
    for (const auto label : cv::Mat_<uint8_t>(mask)) {
      pixels += label != background_ && label != kVoid ? 1 : 0;
    }
    return pixels;
  }

 private:
  void add(const cv::Mat& region, uint8_t label, cv::Mat& mask) const {
    for (int y = 0; y < mask.rows; ++y) {
      auto* row = mask.ptr<uint8_t>(y);
      const auto* inside = region.ptr<uint8_t>(y);
      for (int x = 0; x < mask.cols; ++x) {
        if (inside[x] == 0) continue;
        const bool is_free = row[x] == background_ || row[x] == label;
        row[x] = is_free ? label : static_cast<uint8_t>(kVoid);
      }
    }
  }

  uint8_t background_ = 0;
  /// Class of each category by its ID.
  std::map<std::string, uint8_t> class_of_;
};

/// Reads the files of annotations. In COCO's own archive, these are the
/// instances_*.json; other programs choose any name.
std::vector<CocoFile> read_sources(const PrepareJob& job) {
  const auto is_json = [](const std::string& name) {
    return tail_of(name).ending == ".json";
  };
  const auto is_instances = [](const std::string& name) {
    return tail_of(name).stem.rfind("instances_", 0) == 0;
  };
  bool has_instances = false;
  for (const auto& source : job.sources) {
    const auto note = [&](const std::string& name) {
      has_instances = has_instances || (is_json(name) && is_instances(name));
      return false;
    };
    read_files(source, note, [](const auto&, const auto&) {});
  }
  std::vector<CocoFile> files;
  for (const auto& source : job.sources) {
    read_files(
        source,
        [&](const std::string& name) {
          return is_json(name) && (!has_instances || is_instances(name));
        },
        [&](const std::string& name, const std::string& bytes) {
          files.push_back(read_annotations(bytes, name));
        }
    );
  }
  if (!files.empty()) return files;
  throw DataError(fmt::format(
      "{}: the sources do not contain a .json file of annotations; name all sources",
      job.sources.front()
  ));
}

}  // namespace

std::string prepare_coco(const PrepareJob& job) {
  const auto files = read_sources(job);
  const auto map = map_categories(job, files);
  std::vector<AnnotatedImage> images;
  for (const auto& file : files) {
    const MaskPainter painter(file, map);
    for (const auto& [id, image] : file.images) {
      if (image.regions.empty() && map.is_voc) continue;
      if (image.file.empty()) {
        throw DataError(fmt::format(
            "{}: image {}: has annotations, but is not in the list of images",
            file.name, id
        ));
      }
      const auto draw = [&image = image, &file, id = id, painter,
                         is_voc = map.is_voc] {
        try {
          auto mask = painter.draw(image);
          const bool is_left_out =
              is_voc && painter.pixels_of_classes(mask) <= kLeastPixels;
          return is_left_out ? cv::Mat() : mask;
        } catch (const DataError& error) {
          throw DataError(
              fmt::format("{}: image {}: {}", file.name, id, error.what())
          );
        }
      };
      images.push_back(
          {image.file, file.name, split_of_path(file.name), draw, ""}
      );
    }
  }
  write_annotated(job, images, map.classes);
  return map.is_voc ? "voc2012" : "pascal_voc";
}

}  // namespace deeplab::data
