// SPDX-License-Identifier: Apache-2.0
#include "data/dataset/dataset.h"

#include <algorithm>

#include <fmt/core.h>

#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

void check_channels(
    const char* key, const std::vector<double>& values, double above
) {
  const bool valid = values.size() == 3 &&
                     std::all_of(values.begin(), values.end(), [&](double v) {
                       return v > above && v < 256;
                     });
  if (!valid) {
    throw ConfigError(fmt::format(
        "data.{} must be three numbers (red, green, blue) > {}", key, above
    ));
  }
}

}  // namespace

void DataConfig::validate() const {
  check_config(*this, "data");
  check_channels("mean", mean, -256);
  check_channels("std", std, 0);
}

}  // namespace deeplab::data
