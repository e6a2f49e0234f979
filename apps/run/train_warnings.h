// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/config/run_config.h"
#include "data/dataset/dataset.h"
#include "deeplab/weights/state_dict.h"

namespace deeplab::apps {

/// Returns warnings for the user before the first training step, one line each:
/// slow convolutions, batch norm over too few images or with statistics that a
/// short training hardly changes, atrous rates as wide as
/// the feature map of a crop, crops that `corners` stretches, and images that
/// are in both the training and the validation split.
std::vector<std::string> train_warnings(
    const RunConfig& config,
    const data::Dataset& train,
    const data::Dataset& validation,
    int64_t processes
);

/// Returns warnings about what the weights of train.init_from left as it was:
/// tensors of the backbone, and batch norms that stay frozen.
std::vector<std::string> weight_warnings(
    const engine::TrainConfig& config, const weights::LoadReport& report
);

}  // namespace deeplab::apps
