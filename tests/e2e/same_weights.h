// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace deeplab {

/// Returns whether two checkpoints have the same weights, bit for bit.
bool same_weights(const std::string& one, const std::string& other);

}  // namespace deeplab
