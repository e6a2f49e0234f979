// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "support/support.h"

namespace deeplab::testing {

/// A data set's layout on disk, with one training pair and one of validation.
struct Layout {
  std::string kind;
  /// Of the training pair.
  std::string image;
  std::string mask;
  std::string val_image;
  std::string val_mask;
  /// Other files: paths and texts.
  std::vector<std::pair<std::string, std::string>> texts;
  /// The class that a mask's value stands for, kVoid, or -1 for none.
  std::function<int(int value)> class_of;
};

/// Each kind of files, in its layouts.
const std::vector<Layout>& layouts();

/// Writes a layout's files into a folder: photos and masks as given, those of
/// the two pairs the same.
void write_layout(
    const Layout& layout,
    const std::string& root,
    const std::string& image,
    const std::string& mask
);

/// A config that opens it.
data::DataConfig config_of(const Layout& layout, const std::string& root);

}  // namespace deeplab::testing
