// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/dataset/dataset.h"
#include "deeplab/core/config_io.h"

namespace deeplab::data {

/// File name of the index of a packed set, stored in the folder of its shards.
constexpr const char* kPackedIndex = "packed.json";

/// A file inside a shard.
struct PackedFile {
  /// File name in the shard.
  std::string name;
  /// Offset in bytes of the file's first byte from the start of the shard.
  int64_t offset = 0;
  int64_t size = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("name", name);
    visit("offset", offset);
    visit("size", size);
  }
};

/// An image with its mask. The mask follows directly after the image.
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
  /// The label map, in the form of LabelMap::write().
  Json labels;
  std::vector<PackedShard> shards;
  std::vector<PackedSample> samples;
};

/// Reads one split of the index.
/// Throws: ConfigError or DataError naming the index, if it lacks the split or
///         has content that pack() would not write.
PackedSplit read_packed_split(const std::string& root, const std::string& name);

/// Returns the classes of the index. If there is no index, returns those of the
/// config, since a network may be used without its training data.
Classes packed_classes(const DataConfig& config);

}  // namespace deeplab::data
