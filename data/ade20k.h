// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset.h"

namespace deeplab::data {

/// ADE20K's scene parsing benchmark as it comes: images/SPLIT/ID.jpg and
/// annotations/SPLIT/ID.png, whose 0 is void and 1 to 150 the classes. Splits
/// "train" and "val" stand for its folders training and validation.
/// Source: Zhou et al. 2017, "Scene Parsing through ADE20K Dataset".
std::shared_ptr<const Dataset> make_ade20k(const DataConfig& config, Role role);

Classes ade20k_classes(const DataConfig& config);

}  // namespace deeplab::data
