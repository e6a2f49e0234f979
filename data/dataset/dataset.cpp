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
  const auto all = [&](const auto& holds) {
    return std::all_of(values.begin(), values.end(), holds);
  };
  if (values.size() != 3 || !all([&](double v) { return v > above; })) {
    throw ConfigError(fmt::format(
        "data.{} must be three numbers (red, green, blue) > {}", key, above
    ));
  }
  if (all([](double v) { return v <= 1; })) return;
  throw ConfigError(fmt::format(
      "data.{} is {}; colours are in 0..1, so divide these numbers by 255", key,
      Json(values).dump()
  ));
}

}  // namespace

void DataConfig::validate() const {
  check_config(*this, "data");
  check_channels("mean", mean, -1);
  check_channels("std", std, 0);
}

}  // namespace deeplab::data
