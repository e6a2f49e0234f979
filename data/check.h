// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace deeplab::data {

/// What reading every pair of a split found.
struct CheckReport {
  int64_t images = 0;
  /// Pixels of each class.
  std::vector<int64_t> class_pixels;
  int64_t void_pixels = 0;
  /// The message of each pair that cannot be used; the first is the first
  /// offending file.
  std::vector<std::string> problems;
};

/// Decodes every pair whole and counts its labels. `on_image` may be empty.
CheckReport check_dataset(
    const Dataset& dataset, const std::function<void(int64_t done)>& on_image
);

}  // namespace deeplab::data
