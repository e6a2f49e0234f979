// SPDX-License-Identifier: Apache-2.0
// Finding the files of a data set.
#pragma once

#include <string>
#include <vector>

namespace deeplab::data {

/// Returns `stem` with the extension of the photo that exists: .jpg, .jpeg or
/// .png. Returns it with .jpg if there is none.
std::string find_image(const std::string& stem);

/// Reads a list with one ID per line.
/// Throws: DataError naming list and line, for a line of more than one word or
///         a repeated ID; DataError for an empty list.
std::vector<std::string> read_ids(const std::string& path);

/// Returns the paths, relative to `folder` and in alphabetical order, of all
/// files below it whose names end in `ending`.
/// Throws: DataError if there is no such folder.
std::vector<std::string> list_files(
    const std::string& folder, const std::string& ending
);

}  // namespace deeplab::data
