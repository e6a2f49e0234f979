// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace deeplab {

/// Red, green, blue.
using Color = std::array<uint8_t, 3>;

/// The classes of a data set, in the order of their indices.
struct Classes {
  std::vector<std::string> names;
  /// One color for each name.
  std::vector<Color> colors;
  /// Value of each class in the masks of its data set. If empty, it is the
  /// index of the class.
  std::vector<int64_t> values;

  int64_t size() const { return static_cast<int64_t>(names.size()); }
};

}  // namespace deeplab
