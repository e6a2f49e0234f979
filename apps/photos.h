// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "deeplab/engine/process_group.h"

namespace deeplab::apps {

/// The photos that files and folders name, in order. Results are named after a
/// photo alone, so no two may share a name.
/// Throws: DataError for what is not there; ConfigError for two of one name.
std::vector<std::string> find_photos(const std::vector<std::string>& inputs);

/// Calls `work` for each of the photos that fall to this process, and shows the
/// progress. One bad photo of a thousand does not cost the others: a DataError
/// is printed and the rest goes on.
/// Throws: DataError at the end where some failed, in any process.
void for_each_photo(
    const std::string& verb,
    const std::vector<std::string>& photos,
    const std::shared_ptr<engine::ProcessGroup>& processes,
    const std::function<void(size_t index)>& work
);

}  // namespace deeplab::apps
