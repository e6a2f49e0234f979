// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/config/run_config.h"
#include "data/dataset/dataset.h"

namespace deeplab::apps {

/// Returns warnings for the user before the first training step, one line each:
/// slow convolutions, batch norm over too few images, atrous rates as wide as
/// the feature map of a crop, crops that `corners` stretches, and images that
/// are in both the training and the validation split.
std::vector<std::string> train_warnings(
    const RunConfig& config,
    const data::Dataset& train,
    const data::Dataset& validation,
    int64_t processes
);

}  // namespace deeplab::apps
