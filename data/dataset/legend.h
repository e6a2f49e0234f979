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
/// a color, color masks can be read too; if these colors are all grey and no
/// item has an `index`, the grey levels are mask values too. The value 255 is
/// void unless an item has it.
/// Throws: DataError or ConfigError naming `path`.
Legend read_legend(const std::string& path);

/// Declares the mask values that are void, in place of those of the legend.
/// Throws: ConfigError if one of them is the value of a class.
void set_void(Legend& legend, const std::vector<int64_t>& values);

/// Returns a JSON list that read_legend() reads back as the same classes.
Json write_classes(const Classes& classes);

/// Returns the content of `root`/classes.json, or, if there is no such file,
/// the names, colors and mask values of the config.
/// Throws: DataError if neither source names the classes; ConfigError if both
///         do and their names or values differ.
Legend legend_of(const DataConfig& config);

/// Checks the config of a data set whose classes are fixed by definition.
/// Throws: ConfigError if the config names other classes.
void check_classes(const DataConfig& config, const Classes& classes);

}  // namespace deeplab::data
