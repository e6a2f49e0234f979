// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "data/dataset/dataset.h"
#include "support/support.h"

namespace deeplab::testing {

/// A data set's layout on disk, with one training pair and one validation pair.
struct Layout {
  std::string kind;
  /// Paths of the training pair.
  std::string image;
  std::string mask;
  std::string val_image;
  std::string val_mask;
  /// Paths and contents of other files.
  std::vector<std::pair<std::string, std::string>> texts;
  /// Returns the class for a value of a mask: kVoid for void, -1 if the value
  /// is not allowed.
  std::function<int(int value)> class_of;
};

/// Returns the layouts of all kinds of data sets.
const std::vector<Layout>& layouts();

/// Writes a layout's files into a folder. Both pairs have the given photo and
/// mask.
void write_layout(
    const Layout& layout,
    const std::string& root,
    const std::string& image,
    const std::string& mask
);

/// Returns a config that opens the data set.
data::DataConfig config_of(const Layout& layout, const std::string& root);

}  // namespace deeplab::testing
