// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/classes.h"
#include "data/dataset.h"
#include "data/label_map.h"
#include "deeplab/core/config_io.h"

namespace deeplab::data {

/// The classes of a data set, and how its masks say them.
struct Legend {
  Classes classes;
  LabelMap map;
};

/// A file of classes: an item's place is its value in masks unless it has an
/// index; items named "void" are no classes. Where every item has a color,
/// masks of colors can be read too.
/// Throws: DataError and ConfigError naming `path`.
Legend read_legend(const std::string& path);

/// The list that read_legend() turns back into these classes.
Json write_classes(const Classes& classes);

/// What `root`/classes.json says, or else the config's own names and colors,
/// by their indices.
/// Throws: DataError where neither names them; ConfigError where both do and
///         differ.
Legend legend_of(const DataConfig& config);

/// For a set that has its classes by definition.
/// Throws: ConfigError where the config names others.
void check_classes(const DataConfig& config, const Classes& classes);

}  // namespace deeplab::data
