// SPDX-License-Identifier: Apache-2.0
#include "data/packed/packed_index.h"

#include <filesystem>

#include <fmt/core.h>

#include "data/dataset/legend.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

Json read_packed_index(const std::string& root) {
  const auto path = root + "/" + kPackedIndex;
  auto index = parse_json(read_file(path), path);
  const auto has = [&](const char* key, bool (Json::*is)() const) {
    return index.contains(key) && (index[key].*is)();
  };
  const bool is_index = index.is_object() && has("splits", &Json::is_object) &&
                        has("classes", &Json::is_array);
  if (!is_index)
    throw DataError(fmt::format("{}: not the index of a packed data set", path)
    );
  return index;
}

/// The part of a split that read_config() reads: everything except name and
/// labels.
struct SplitFiles {
  std::vector<PackedShard> shards;
  std::vector<PackedSample> samples;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("shards", shards);
    visit("samples", samples);
  }
};

/// Throws: DataError if a sample does not lie within its shard or overlaps the
///         one before.
void check_split(const PackedSplit& split, const std::string& path) {
  const auto shards = static_cast<int64_t>(split.shards.size());
  int64_t shard = 0;
  int64_t end = 0;
  for (const auto& sample : split.samples) {
    if (sample.shard != shard) end = 0;
    bool fits = sample.shard >= shard && sample.shard < shards;
    const int64_t size =
        fits ? split.shards[static_cast<size_t>(sample.shard)].size : 0;
    for (const auto* file : {&sample.image, &sample.mask}) {
      fits = fits && file->offset >= end && file->offset <= size &&
             file->size >= 0 && file->size <= size - file->offset;
      end = fits ? file->offset + file->size : 0;
    }
    shard = sample.shard;
    if (fits) continue;
    throw DataError(fmt::format(
        "{}: sample {} is outside its shard; pack the set again", path,
        sample.id
    ));
  }
}

}  // namespace

PackedSplit read_packed_split(
    const std::string& root, const std::string& name
) {
  const auto path = root + "/" + kPackedIndex;
  const auto index = read_packed_index(root);
  const auto found = index["splits"].value(name, Json());
  if (!found.is_object()) {
    throw DataError(fmt::format("{}: has no split \"{}\"", path, name));
  }
  PackedSplit split;
  split.name = name;
  split.labels = found.value("labels", Json());
  auto rest = found;
  rest.erase("labels");
  auto stored = read_config<SplitFiles>(rest, path + ": splits." + name);
  split.shards = std::move(stored.shards);
  split.samples = std::move(stored.samples);
  check_split(split, path);
  return split;
}

Classes packed_classes(const DataConfig& config) {
  if (!config.classes.empty() &&
      !std::filesystem::exists(config.root + "/" + kPackedIndex)) {
    auto classes = make_classes(config.classes, config.colors);
    classes.values = config.values;
    return classes;
  }
  const auto index = read_packed_index(config.root);
  std::vector<std::string> names;
  std::vector<std::vector<int64_t>> colors;
  std::vector<int64_t> values;
  for (const auto& entry : index["classes"]) {
    const auto item = read_config<ClassEntry>(
        entry, config.root + "/" + kPackedIndex + ": classes"
    );
    names.push_back(item.name);
    colors.push_back(item.color);
    if (item.index) values.push_back(*item.index);
  }
  auto classes = make_classes(names, colors);
  auto named = config;
  // The index has the meaning of all values.
  named.values.clear();
  check_classes(named, classes);
  classes.values = values;
  return classes;
}

}  // namespace deeplab::data
