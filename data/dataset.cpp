// SPDX-License-Identifier: Apache-2.0
#include "data/dataset.h"

#include <algorithm>
#include <array>

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
};

constexpr std::array kDatasets{
    Entry{"pascal_voc", make_pascal_voc, pascal_voc_classes},
    Entry{"synthetic", make_synthetic, synthetic_classes},
};

const Entry& find(const std::string& kind) {
  std::string known;
  for (const auto& entry : kDatasets) {
    if (kind == entry.kind) return entry;
    known += str(known.empty() ? "" : ", ", entry.kind);
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
  synthetic.validate();
}

DatasetPtr make_dataset(const DataConfig& config, Role role) {
  config.validate();
  return find(config.kind).make(config, role);
}

Classes classes_of(const DataConfig& config) {
  config.validate();
  return find(config.kind).classes(config);
}

}  // namespace deeplab::data
