// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset/dataset.h"

namespace deeplab::data {

/// Opens a split of a user's own data: images/SPLIT/NAME.jpg (or another
/// photo), masks/SPLIT/NAME.png with the same name, and classes.json (see
/// read_legend()). Images and masks may lie in sub-folders.
std::shared_ptr<const Dataset> make_folder(const DataConfig& config, Role role);

}  // namespace deeplab::data
