// SPDX-License-Identifier: Apache-2.0
#include "data/kinds.h"

#include <array>
#include <filesystem>

#include <fmt/core.h>

#include "data/dataset/legend.h"
#include "data/packed/packed.h"
#include "data/packed/packed_index.h"
#include "data/sets/ade20k.h"
#include "data/sets/camvid.h"
#include "data/sets/cityscapes.h"
#include "data/sets/folder.h"
#include "data/sets/pascal_voc.h"
#include "data/synthetic/synthetic.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::data {
namespace {

using DatasetPtr = std::shared_ptr<const Dataset>;

struct Entry {
  const char* name;
  DatasetPtr (*make)(const DataConfig& config, Role role);
  Classes (*classes)(const DataConfig& config);
  /// File or folder by which a data set of this kind is recognized; null for a
  /// kind without files.
  const char* sign;
};

Classes classes_of_legend(const DataConfig& config) {
  return legend_of(config).classes;
}

constexpr std::array kDatasets{
    Entry{"ade20k", make_ade20k, ade20k_classes, "annotations/training"},
    Entry{"camvid", make_camvid, camvid_classes, "trainannot"},
    Entry{"camvid", make_camvid, camvid_classes, "701_StillsRaw_full"},
    Entry{"cityscapes", make_cityscapes, cityscapes_classes, "gtFine"},
    Entry{
        "cityscapes_coarse", make_cityscapes_coarse, cityscapes_classes,
        "gtCoarse"},
    Entry{"folder", make_folder, classes_of_legend, "images"},
    Entry{"packed", make_packed, packed_classes, kPackedIndex},
    Entry{"pascal_voc", make_pascal_voc, classes_of_legend, "ImageSets"},
    Entry{"voc2012", make_voc2012, voc2012_classes, "ImageSets"},
    Entry{
        "pascal_context", make_pascal_context, pascal_context_classes,
        "ImageSets"},
    Entry{"synthetic", make_synthetic, synthetic_classes, nullptr},
};

const Entry& find(const std::string& kind) {
  return find_named(kDatasets, "data.kind", kind);
}

}  // namespace

Rule known_kinds() { return one_of(names_of(kDatasets)); }

DatasetPtr make_dataset(const DataConfig& config, Role role) {
  config.validate();
  if (config.kind != "synthetic" && config.root.empty()) {
    throw ConfigError(
        "data.root is empty; set it to the data set's folder (--data)"
    );
  }
  return find(config.kind).make(config, role);
}

std::string kind_of(const std::string& root, const std::string& preferred) {
  if (!std::filesystem::is_directory(root)) {
    throw DataError(fmt::format("{}: no such folder", root));
  }
  std::string found;
  std::string signs;
  for (const auto& entry : kDatasets) {
    if (entry.sign == nullptr) continue;
    if (std::filesystem::exists(root + "/" + entry.sign)) {
      if (entry.name == preferred) return preferred;
      if (found.empty()) found = entry.name;
    }
    if (signs.find(entry.sign) == std::string::npos) {
      signs += fmt::format("{}{}", signs.empty() ? "" : ", ", entry.sign);
    }
  }
  if (!found.empty()) return found;
  throw DataError(fmt::format(
      "{}: its layout is not that of a known data set (none of {})", root, signs
  ));
}

bool has_fixed_classes(const std::string& kind) {
  const auto classes = find(kind).classes;
  return classes != classes_of_legend && classes != packed_classes;
}

Classes fixed_classes(const std::string& kind) {
  DataConfig config;
  config.kind = kind;
  return find(kind).classes(config);
}

Classes usual_classes(int64_t count) {
  for (const char* kind :
       {"voc2012", "cityscapes", "ade20k", "pascal_context", "camvid",
        "synthetic"}) {
    auto classes = fixed_classes(kind);
    // Whether the masks have the set's values too is not known.
    classes.values.clear();
    if (classes.size() == count) return classes;
  }
  return numbered_classes(count);
}

Classes classes_of(const DataConfig& config) {
  config.validate();
  return find(config.kind).classes(config);
}

}  // namespace deeplab::data
