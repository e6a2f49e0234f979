// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace deeplab::data {

/// One split to pack.
struct PackInput {
  std::string name;
  std::shared_ptr<const Dataset> dataset;
};

/// Writes splits as shards of about `shard_bytes` with an index (see
/// packed_index.h) into a folder. Every pair is decoded once, so that nothing
/// damaged is packed. The index is written last: without it, the folder is no
/// packed set. Throws: ConfigError for a data set that is not of files;
/// DataError as
///         loading does, or where the disk is full.
void pack(
    const std::vector<PackInput>& splits,
    const std::string& folder,
    int64_t shard_bytes,
    const std::function<void(const std::string& split, int64_t done)>& on_image
);

}  // namespace deeplab::data
