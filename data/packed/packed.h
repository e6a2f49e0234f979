// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset/dataset.h"

namespace deeplab::data {

/// Opens a split that is stored in shards: tar files with the original bytes,
/// in WebDataset's layout, and an index, packed.json. A run is a sequence of
/// neighboring samples of one shard that are read together. An epoch visits the
/// runs in random order, collects as many as hold `data.shuffle_buffer` images
/// or 256 MiB, and shuffles their images. At most twice that amount plus two
/// runs is in memory.
/// Throws: DataError for a shard that is missing or whose length differs from
///         the index.
std::shared_ptr<const Dataset> make_packed(const DataConfig& config, Role role);

/// Like make_packed(), with runs of at most `run_bytes` bytes (or one sample).
std::shared_ptr<const Dataset> make_packed_with_runs(
    const DataConfig& config, Role role, int64_t run_bytes
);

}  // namespace deeplab::data
