// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/run_config.h"
#include "data/dataset.h"

namespace deeplab::apps {

/// What a training may be told before its first step, a line each: batch norm
/// that sees few images, rates as wide as the map of a crop, images that are
/// trained on and validated with.
std::vector<std::string> train_warnings(
    const RunConfig& config,
    const data::Dataset& train,
    const data::Dataset& validation,
    int64_t processes
);

}  // namespace deeplab::apps
