// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "data/ade20k.h"
#include "data/camvid.h"
#include "data/cityscapes.h"
#include "data/folder.h"
#include "data/legend.h"
#include "data/packed.h"
#include "data/packed_index.h"
#include "data/pascal_voc.h"
#include "data/synthetic.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

using DatasetPtr = std::shared_ptr<const Dataset>;

struct Entry {
  const char* kind;
  DatasetPtr (*make)(const DataConfig& config, Role role);
  Classes (*classes)(const DataConfig& config);
  /// What lies in its folder; nullptr: it has none.
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
        "cityscapes_coarse",
        make_cityscapes_coarse,
        cityscapes_classes,
        "gtCoarse"},
    Entry{"folder", make_folder, classes_of_legend, "images"},
    Entry{"packed", make_packed, packed_classes, kPackedIndex},
    Entry{"pascal_voc", make_pascal_voc, classes_of_legend, "ImageSets"},
    Entry{"voc2012", make_voc2012, voc2012_classes, "ImageSets"},
    Entry{
        "pascal_context",
        make_pascal_context,
        pascal_context_classes,
        "ImageSets"},
    Entry{"synthetic", make_synthetic, synthetic_classes, nullptr},
};

const Entry& find(const std::string& kind) {
  std::string known;
  std::string last;
  for (const auto& entry : kDatasets) {
    if (kind == entry.kind) return entry;
    if (entry.kind != last) known += str(known.empty() ? "" : ", ", entry.kind);
    last = entry.kind;
  }
  throw ConfigError(str("data.kind is \"", kind, "\"; known: ", known));
}

void check_channels(
    const char* key, const std::vector<double>& values, double above
) {
  const bool valid = values.size() == 3 &&
                     std::all_of(values.begin(), values.end(), [&](double v) {
                       return v > above && v < 256;
                     });
  if (!valid) {
    throw ConfigError(
        str("data.", key, " must be three numbers (red, green, blue) > ", above)
    );
  }
}

}  // namespace

void DataConfig::validate() const {
  find(kind);
  check_channels("mean", mean, -256);
  check_channels("std", std, 0);
  if (workers < 0 || workers > 256) {
    throw ConfigError(str("data.workers is ", workers, "; must be 0 to 256"));
  }
  if (prefetch < 1 || prefetch > 1024) {
    throw ConfigError(str("data.prefetch is ", prefetch, "; must be 1 to 1024")
    );
  }
  if (shuffle_buffer < 0) {
    throw ConfigError(
        str("data.shuffle_buffer is ", shuffle_buffer, "; must be >= 0")
    );
  }
  constexpr int64_t kMostTimes = 1000;
  if (repeat_times < 1 || repeat_times > kMostTimes) {
    throw ConfigError(str(
        "data.repeat_times is ", repeat_times, "; must be 1 to ", kMostTimes
    ));
  }
  synthetic.validate();
}

DatasetPtr make_dataset(const DataConfig& config, Role role) {
  config.validate();
  if (config.kind != "synthetic" && config.root.empty()) {
    throw ConfigError("data.root is empty; must be the data set's folder");
  }
  return find(config.kind).make(config, role);
}

std::string kind_of(const std::string& root, const std::string& preferred) {
  if (!std::filesystem::is_directory(root)) {
    throw DataError(str(root, ": no such folder"));
  }
  std::string found;
  std::string signs;
  for (const auto& entry : kDatasets) {
    if (entry.sign == nullptr) continue;
    if (std::filesystem::exists(root + "/" + entry.sign)) {
      if (entry.kind == preferred) return preferred;
      if (found.empty()) found = entry.kind;
    }
    if (signs.find(entry.sign) == std::string::npos) {
      signs += str(signs.empty() ? "" : ", ", entry.sign);
    }
  }
  if (!found.empty()) return found;
  throw DataError(
      str(root, ": has the layout of no known data set (none of ", signs, ")")
  );
}

Classes classes_of(const DataConfig& config) {
  config.validate();
  return find(config.kind).classes(config);
}

}  // namespace deeplab::data
