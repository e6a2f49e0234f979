// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// Throws: ConfigError and DataError naming the index: for a split that it does
///         not have, or for what no packing could have written.
PackedSplit read_packed_split(const std::string& root, const std::string& name);

/// The index's classes; the config's where there is no index, since a network
/// is opened without the data that it was trained on.
Classes packed_classes(const DataConfig& config);

}  // namespace deeplab::data
