// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "deeplab/engine/process_group.h"

namespace deeplab::apps {

/// Returns the photos given as files and folders, in order. Results are named
/// after the photo's file name without folder and extension, so no two photos
/// may have the same.
/// Throws: DataError if a file is missing or a folder holds no photo;
///         ConfigError if two photos have the same name.
std::vector<std::string> find_photos(const std::vector<std::string>& inputs);

/// Calls `work` for each photo of this process's part, and shows the progress.
/// If `work` throws a DataError, the error is printed and the remaining photos
/// are still processed.
/// Throws: DataError at the end if a photo failed in any process.
void for_each_photo(
    const std::string& verb,
    const std::vector<std::string>& photos,
    const std::shared_ptr<engine::ProcessGroup>& processes,
    const std::function<void(size_t index)>& work
);

}  // namespace deeplab::apps
