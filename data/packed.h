// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset.h"

namespace deeplab::data {

/// Samples in shards: tar files with the original bytes, as WebDataset has
/// them, and an index, packed.json. An epoch goes through runs of neighbours
/// in random order, each read at once, and shuffles the images of as many runs
/// as hold `data.shuffle_buffer` images or 256 MiB; twice as much, and two
/// runs, is in memory at most. Throws: DataError for a shard that is missing or
/// not as long as the index
///         says.
std::shared_ptr<const Dataset> make_packed(const DataConfig& config, Role role);

/// The same with runs of another length, in bytes.
std::shared_ptr<const Dataset> make_packed_with_runs(
    const DataConfig& config, Role role, int64_t run_bytes
);

}  // namespace deeplab::data
