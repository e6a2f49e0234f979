// SPDX-License-Identifier: Apache-2.0
#include "data/packed/pack.h"

#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <set>
#include <sstream>

#include <fmt/core.h>

#include "data/files/archive.h"
#include "data/packed/packed_index.h"
#include "data/sets/file_dataset.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

using OnImage = std::function<void(const std::string& split, int64_t done)>;

std::string shard_name(const std::string& split, size_t number) {
  std::ostringstream name;
  name << split << "-" << std::setw(6) << std::setfill('0') << number << ".tar";
  return name.str();
}

std::string ending_of(const std::string& path) {
  return std::filesystem::path(path).extension().string();
}

/// WebDataset uses the part of a file name before the first dot as the key of a
/// sample, so dots in the ID are replaced.
std::string key_of(std::string id) {
  std::replace(id.begin(), id.end(), '.', '_');
  return id;
}

/// Writes the shards of one split.
class SplitPacker {
 public:
  SplitPacker(const FileDataset& dataset, std::string split, std::string folder)
      : dataset_(dataset), folder_(std::move(folder)) {
    result_.name = std::move(split);
    result_.labels = dataset.legend().map.write();
  }

  PackedSplit run(int64_t shard_bytes, const OnImage& on_image) {
    while (next_ < dataset_.size()) {
      const auto file = shard_name(result_.name, result_.shards.size());
      int64_t size = 0;
      write_atomically(folder_ + "/" + file, [&](std::ostream& stream) {
        size = write_shard(stream, shard_bytes, on_image);
      });
      result_.shards.push_back({file, size});
    }
    return std::move(result_);
  }

 private:
  int64_t write_shard(
      std::ostream& stream, int64_t shard_bytes, const OnImage& on_image
  ) {
    TarWriter tar(stream);
    const auto shard = static_cast<int64_t>(result_.shards.size());
    int64_t size = 0;
    while (next_ < dataset_.size() && (size == 0 || size < shard_bytes)) {
      // Decodes the pair first, so that what training would refuse is refused
      // here.
      dataset_.load(next_);
      const auto pair = dataset_.bytes(next_);
      const auto key = key_of(dataset_.id(next_));
      if (!keys_.insert(key).second) {
        throw DataError(fmt::format(
            "{}: another image has the same key {}; rename one of them",
            pair.image_name, key
        ));
      }
      const auto add = [&](const std::string& name, const std::string& bytes) {
        const auto offset = tar.add(name, bytes);
        size = offset + static_cast<int64_t>(bytes.size());
        return PackedFile{name, offset, static_cast<int64_t>(bytes.size())};
      };
      PackedSample sample{dataset_.id(next_), shard, {}, {}};
      sample.image = add(key + ending_of(pair.image_name), pair.image);
      sample.mask = add(key + ".mask" + ending_of(pair.mask_name), pair.mask);
      result_.samples.push_back(std::move(sample));
      ++next_;
      if (on_image) on_image(result_.name, next_);
    }
    tar.finish();
    return stream.tellp();
  }

  const FileDataset& dataset_;
  std::string folder_;
  PackedSplit result_;
  std::set<std::string> keys_;
  int64_t next_ = 0;
};

template <class Item>
Json items(std::vector<Item> rows) {
  Json list = Json::array();
  for (auto& row : rows) list.push_back(write_config(row));
  return list;
}

}  // namespace

void pack(
    const std::vector<PackInput>& splits,
    const std::string& folder,
    int64_t shard_bytes,
    const OnImage& on_image
) {
  Json index;
  index["classes"] = write_classes(splits.at(0).dataset->classes());
  for (const auto& split : splits) {
    const auto* files = dynamic_cast<const FileDataset*>(split.dataset.get());
    if (files == nullptr) {
      throw ConfigError(
          "only a data set of files can be packed; give its folder by --data"
      );
    }
    const auto packed =
        SplitPacker(*files, split.name, folder).run(shard_bytes, on_image);
    index["splits"][split.name] = {
        {"labels", packed.labels},
        {"shards", items(packed.shards)},
        {"samples", items(packed.samples)}};
  }
  write_file(folder + "/" + kPackedIndex, index.dump() + "\n");
}

}  // namespace deeplab::data
