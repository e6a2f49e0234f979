// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "deeplab/core/config_io.h"

namespace deeplab::data {

/// The name of a packed set's index, which lies beside its shards.
constexpr const char* kPackedIndex = "packed.json";

/// A file inside a shard.
struct PackedFile {
  /// As in the shard.
  std::string name;
  /// Of its first byte, from the shard's.
  int64_t offset = 0;
  int64_t size = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("name", name);
    visit("offset", offset);
    visit("size", size);
  }
};

/// A pair of the packed set; its mask lies right behind its image.
struct PackedSample {
  std::string id;
  int64_t shard = 0;
  PackedFile image;
  PackedFile mask;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("id", id);
    visit("shard", shard);
    visit("image", image);
    visit("mask", mask);
  }
};

struct PackedShard {
  std::string file;
  int64_t size = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("file", file);
    visit("size", size);
  }
};

/// One split of the index.
struct PackedSplit {
  std::string name;
  /// LabelMap::write()'s.
  Json labels;
  std::vector<PackedShard> shards;
  std::vector<PackedSample> samples;
};

/// Samples in shards: tar files with the original bytes, as WebDataset has
/// them, and an index, packed.json. An epoch goes through runs of neighbours
/// in random order, each read at once, and shuffles the images of as many runs
/// as hold `data.shuffle_buffer` images or 256 MiB; twice as much, and two runs,
/// is in memory at most.
/// Throws: DataError for a shard that is missing or not as long as the index
///         says.
std::shared_ptr<const Dataset> make_packed(const DataConfig& config, Role role);

/// The same with runs of another length, in bytes.
std::shared_ptr<const Dataset> make_packed_with_runs(
    const DataConfig& config, Role role, int64_t run_bytes
);

Classes packed_classes(const DataConfig& config);

}  // namespace deeplab::data
