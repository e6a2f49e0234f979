// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset.h"

namespace deeplab::data {

/// Anyone's own data: images/SPLIT/NAME.jpg (.jpeg, .png), masks/SPLIT/NAME.png
/// of the same name, classes.json (read_legend()). Folders may lie in folders.
std::shared_ptr<const Dataset> make_folder(const DataConfig& config, Role role);

}  // namespace deeplab::data
