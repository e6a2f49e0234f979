// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset/dataset.h"

namespace deeplab::data {

/// One split to pack.
struct PackInput {
  std::string name;
  std::shared_ptr<const Dataset> dataset;
};

/// Writes splits into a folder as shards of about `shard_bytes` bytes, with an
/// index (see packed_index.h). Every image and mask is decoded once, so damaged
/// files are never packed. The index is written last; a folder without it is
/// not a packed set.
/// Throws: ConfigError for a data set that is not stored in files; DataError if
///         a sample cannot be loaded or the disk is full.
void pack(
    const std::vector<PackInput>& splits,
    const std::string& folder,
    int64_t shard_bytes,
    const std::function<void(const std::string& split, int64_t done)>& on_image
);

}  // namespace deeplab::data
