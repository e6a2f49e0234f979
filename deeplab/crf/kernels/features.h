// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace deeplab::crf {

/// Points of a feature space, one per pixel, in units of the kernel's standard
/// deviations.
struct Features {
  size_t count = 0;
  size_t dimensions = 0;
  /// [count, dimensions].
  std::vector<float> values;
};

}  // namespace deeplab::crf
