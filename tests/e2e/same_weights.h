// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace deeplab {

/// Whether two checkpoints hold the same bits.
bool same_weights(const std::string& one, const std::string& other);

}  // namespace deeplab
