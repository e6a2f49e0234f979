// SPDX-License-Identifier: Apache-2.0
// The kinds of data sets: which there are, and how they are opened.
#pragma once

#include <memory>
#include <string>

#include "data/dataset/dataset.h"

namespace deeplab::data {

/// Opens one split of the data set of `config.kind`.
/// Throws: ConfigError for an unknown kind, listing the known ones; and
///         whatever the data set itself throws.
std::shared_ptr<const Dataset> make_dataset(
    const DataConfig& config, Role role
);

/// Returns the kind of the data set in a folder, recognized by its layout. If
/// several kinds match, returns `preferred` if it is one of them, else the
/// first.
/// Throws: DataError if no kind matches.
std::string kind_of(const std::string& root, const std::string& preferred);

/// Returns whether the classes of this kind are fixed by its definition, and
/// not by a config or a file.
/// Throws: ConfigError for an unknown kind.
bool has_fixed_classes(const std::string& kind);

/// Returns the classes of a kind that has_fixed_classes().
Classes fixed_classes(const std::string& kind);

/// Returns names and colors of the public data set that has this many classes;
/// numbered classes if there is none.
Classes usual_classes(int64_t count);

/// Returns the classes of a config's data set without opening a split.
/// Throws: the same as make_dataset().
Classes classes_of(const DataConfig& config);

}  // namespace deeplab::data
