// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset/dataset.h"

namespace deeplab::data {

/// Opens a split of ADE20K's scene parsing benchmark as published:
/// images/SPLIT/ID.jpg and annotations/SPLIT/ID.png. In the masks 0 is void,
/// and 1 to 150 are the classes. The splits "train" and "val" are its folders
/// training and validation.
/// Source: Zhou et al. 2017, "Scene Parsing through ADE20K Dataset".
std::shared_ptr<const Dataset> make_ade20k(const DataConfig& config, Role role);

Classes ade20k_classes(const DataConfig& config);

}  // namespace deeplab::data
