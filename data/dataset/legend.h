// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/dataset/classes.h"
#include "data/dataset/dataset.h"
#include "data/dataset/label_map.h"
#include "deeplab/core/config_io.h"

namespace deeplab::data {

/// The classes of a data set, and how the values of its masks map to them.
struct Legend {
  Classes classes;
  LabelMap map;
};

/// Reads a class file. The mask value of an item is its `index`, or else its
/// position in the list. Items named "void" are not classes. If every item has
/// a color, color masks can be read too.
/// Throws: DataError or ConfigError naming `path`.
Legend read_legend(const std::string& path);

/// Returns a JSON list that read_legend() reads back as the same classes.
Json write_classes(const Classes& classes);

/// Returns the content of `root`/classes.json, or, if there is no such file,
/// the names and colors of the config, with indices 0, 1, ... as mask values.
/// Throws: DataError if neither source names the classes; ConfigError if both
///         do and their names differ.
Legend legend_of(const DataConfig& config);

/// Checks the config of a data set whose classes are fixed by definition.
/// Throws: ConfigError if the config names other classes.
void check_classes(const DataConfig& config, const Classes& classes);

}  // namespace deeplab::data
