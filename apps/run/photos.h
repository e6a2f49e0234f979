// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "deeplab/engine/process_group.h"

namespace deeplab::apps {

/// A photo to segment.
struct Photo {
  std::string path;
  /// Name of its results: the path below the folder that was given, or the file
  /// name, without extension.
  std::string name;
};

/// Settings of find_photos().
struct PhotoSearch {
  /// Whether photos in sub-folders are taken.
  bool recursive = false;
  /// Folder for the results. It is left out if it is inside a given folder.
  std::string out;
};

/// Returns the photos given as files and folders, in order. In a folder, files
/// of operating systems and the results of an earlier run (NAME_mask.png beside
/// NAME.jpg) are left out. What else is left out is printed to stderr.
/// Throws: DataError if a file is missing or a folder holds no photo;
///         ConfigError if two photos have the same name.
std::vector<Photo> find_photos(
    const std::vector<std::string>& inputs, const PhotoSearch& search
);

/// Calls `work` for each photo of this process's part, and shows the progress.
/// If `work` throws a DataError, the error is printed and the remaining photos
/// are still processed.
/// Throws: DataError at the end if a photo failed in any process.
void for_each_photo(
    const std::string& verb,
    const std::vector<Photo>& photos,
    const std::shared_ptr<engine::ProcessGroup>& processes,
    const std::function<void(const Photo& photo)>& work
);

}  // namespace deeplab::apps
