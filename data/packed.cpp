// SPDX-License-Identifier: Apache-2.0
#include "data/packed.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <list>
#include <map>
#include <mutex>

#include <fcntl.h>
#include <unistd.h>

#include "data/file_dataset.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRunBytes = int64_t{4} << 20U;
constexpr int64_t kBufferBytes = int64_t{256} << 20U;

Json read_index(const std::string& root) {
  const auto path = root + "/" + kPackedIndex;
  auto index = parse_json(read_file(path), path);
  const auto has = [&](const char* key, bool (Json::*is)() const) {
    return index.contains(key) && (index[key].*is)();
  };
  const bool is_index = index.is_object() && has("splits", &Json::is_object) &&
                        has("classes", &Json::is_array);
  if (!is_index) throw DataError(str(path, ": is no index of a packed set"));
  return index;
}

/// A file that many threads read from.
class Shard {
 public:
  Shard(std::string path, int64_t size)
      : path_(std::move(path)), file_(::open(path_.c_str(), O_RDONLY)) {
    if (file_ < 0) {
      throw DataError(str(path_, ": cannot open: ", std::strerror(errno)));
    }
    const auto found = ::lseek(file_, 0, SEEK_END);
    if (found == size) return;
    ::close(file_);
    throw DataError(str(path_, ": has ", found, " bytes, its index says ", size)
    );
  }
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard() { ::close(file_); }

  std::string read(int64_t offset, int64_t size) const {
    std::string bytes(static_cast<size_t>(size), '\0');
    size_t done = 0;
    while (done < bytes.size()) {
      const auto count = ::pread(
          file_,
          &bytes[done],
          bytes.size() - done,
          offset + static_cast<int64_t>(done)
      );
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        throw DataError(
            str(path_,
                ": cannot read: ",
                count < 0 ? std::strerror(errno) : "ends too early")
        );
      }
      done += static_cast<size_t>(count);
    }
    return bytes;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int file_;
};

/// Neighbours of one shard that are read at once: samples first..last-1.
struct Run {
  int64_t first;
  int64_t last;
  int64_t bytes;
  int64_t images() const { return last - first; }
};

int64_t begin_of(const PackedSample& sample) { return sample.image.offset; }
int64_t end_of(const PackedSample& sample) {
  return sample.mask.offset + sample.mask.size;
}

/// What the images that are shuffled together may be: so many, or so large.
struct BufferLimit {
  int64_t images;
  int64_t bytes;
  bool is_full(const BufferLimit& held) const {
    return held.images >= images || held.bytes >= bytes;
  }
};

/// The runs that were read last.
class RunCache {
 public:
  using Bytes = std::shared_ptr<const std::string>;

  explicit RunCache(const BufferLimit& most) : most_(most) {}

  /// Reads with `read` what is not there. Threads that ask for one run at the
  /// same time wait for one reading.
  Bytes get(const Run& run, const std::function<std::string()>& read) {
    std::shared_ptr<Slot> slot;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      auto& entry = slots_[run.first];
      if (entry) {
        used_.remove(run.first);
      } else {
        entry = std::make_shared<Slot>();
        entry->run = run;
        held_.images += run.images();
        held_.bytes += run.bytes;
      }
      used_.push_front(run.first);
      slot = entry;
      while (used_.size() > 1 && most_.is_full(held_)) drop_last();
    }
    const std::lock_guard<std::mutex> lock(slot->mutex);
    if (!slot->bytes) slot->bytes = std::make_shared<const std::string>(read());
    return slot->bytes;
  }

 private:
  struct Slot {
    Run run;
    std::mutex mutex;
    Bytes bytes;
  };

  void drop_last() {
    const auto& run = slots_.at(used_.back())->run;
    held_.images -= run.images();
    held_.bytes -= run.bytes;
    slots_.erase(used_.back());
    used_.pop_back();
  }

  BufferLimit most_;
  BufferLimit held_{0, 0};
  std::mutex mutex_;
  /// By their first samples.
  std::map<int64_t, std::shared_ptr<Slot>> slots_;
  /// Latest first.
  std::list<int64_t> used_;
};

class Packed : public FileDataset {
 public:
  Packed(
      const std::string& root,
      PackedSplit split,
      const Legend& legend,
      const DataConfig& config,
      int64_t run_bytes
  )
      : FileDataset(pairs_of(root, split), legend, root + "/" + kPackedIndex),
        split_(std::move(split)),
        buffer_{config.shuffle_buffer, kBufferBytes} {
    for (const auto& shard : split_.shards) {
      shards_.push_back(
          std::make_unique<Shard>(root + "/" + shard.file, shard.size)
      );
    }
    make_runs(run_bytes);
    cache_ = std::make_unique<RunCache>(cache_limit());
  }

  PairBytes bytes(int64_t index) const override {
    const auto& sample = split_.samples.at(static_cast<size_t>(index));
    const auto& shard = *shards_[static_cast<size_t>(sample.shard)];
    int64_t begin = begin_of(sample);
    RunCache::Bytes bytes;
    if (buffer_.images == 0) {
      bytes = std::make_shared<const std::string>(
          shard.read(begin, end_of(sample) - begin)
      );
    } else {
      const auto& run = runs_[run_of_[static_cast<size_t>(index)]];
      begin = begin_of(split_.samples[static_cast<size_t>(run.first)]);
      bytes = cache_->get(run, [&] { return shard.read(begin, run.bytes); });
    }
    const auto part = [&](const PackedFile& file) {
      return bytes->substr(
          static_cast<size_t>(file.offset - begin),
          static_cast<size_t>(file.size)
      );
    };
    return {
        shard.path() + "/" + sample.image.name,
        part(sample.image),
        shard.path() + "/" + sample.mask.name,
        part(sample.mask)};
  }

  std::vector<int64_t> order(Random& random) const override {
    if (buffer_.images == 0) return FileDataset::order(random);
    std::vector<int64_t> order;
    std::vector<int64_t> buffer;
    BufferLimit held{0, 0};
    const auto flush = [&] {
      for (const auto i :
           random.permutation(static_cast<int64_t>(buffer.size()))) {
        order.push_back(buffer[static_cast<size_t>(i)]);
      }
      buffer.clear();
      held = {0, 0};
    };
    for (const auto number :
         random.permutation(static_cast<int64_t>(runs_.size()))) {
      const auto& run = runs_[static_cast<size_t>(number)];
      for (int64_t i = run.first; i < run.last; ++i) buffer.push_back(i);
      held.images += run.images();
      held.bytes += run.bytes;
      if (buffer_.is_full(held)) flush();
    }
    flush();
    return order;
  }

 private:
  static std::vector<FilePair> pairs_of(
      const std::string& root, const PackedSplit& split
  ) {
    std::vector<FilePair> pairs;
    for (const auto& sample : split.samples) {
      pairs.push_back(
          {sample.id,
           root + "/" + sample.image.name,
           root + "/" + sample.mask.name}
      );
    }
    return pairs;
  }

  void make_runs(int64_t run_bytes) {
    const auto& samples = split_.samples;
    for (int64_t i = 0; i < size(); ++i) {
      const auto& sample = samples[static_cast<size_t>(i)];
      const auto bytes_from = [&](int64_t first) {
        return end_of(sample) - begin_of(samples[static_cast<size_t>(first)]);
      };
      const bool goes_on =
          !runs_.empty() &&
          samples[static_cast<size_t>(runs_.back().first)].shard ==
              sample.shard &&
          bytes_from(runs_.back().first) <= run_bytes;
      if (!goes_on) runs_.push_back({i, i, 0});
      auto& run = runs_.back();
      run.last = i + 1;
      run.bytes = bytes_from(run.first);
      run_of_.push_back(runs_.size() - 1);
    }
  }

  /// Two buffers, each with a run more than fills it: workers that are ahead
  /// take from the second.
  BufferLimit cache_limit() const {
    BufferLimit longest{0, 0};
    for (const auto& run : runs_) {
      longest.images = std::max(longest.images, run.images());
      longest.bytes = std::max(longest.bytes, run.bytes);
    }
    return {
        2 * (buffer_.images + longest.images),
        2 * (buffer_.bytes + longest.bytes)};
  }

  PackedSplit split_;
  BufferLimit buffer_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<Run> runs_;
  std::vector<size_t> run_of_;
  std::unique_ptr<RunCache> cache_;
};

/// A split but for its name and labels.
struct SplitFiles {
  std::vector<PackedShard> shards;
  std::vector<PackedSample> samples;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("shards", shards);
    visit("samples", samples);
  }
};

PackedSplit read_split(
    const Json& index, const std::string& name, const std::string& path
) {
  const auto found = index["splits"].value(name, Json());
  if (!found.is_object()) {
    throw DataError(str(path, ": has no split \"", name, "\""));
  }
  PackedSplit split;
  split.name = name;
  split.labels = found.value("labels", Json());
  auto rest = found;
  rest.erase("labels");
  auto stored = read_config<SplitFiles>(rest, path + ": splits." + name);
  split.shards = std::move(stored.shards);
  split.samples = std::move(stored.samples);
  return split;
}

/// Throws: DataError for what no packing could have written.
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
    throw DataError(
        str(path,
            ": sample ",
            sample.id,
            " does not lie in its shard; pack the set again")
    );
  }
}

}  // namespace

std::shared_ptr<const Dataset> make_packed_with_runs(
    const DataConfig& config, Role role, int64_t run_bytes
) {
  const auto path = config.root + "/" + kPackedIndex;
  auto split = read_split(read_index(config.root), config.split(role), path);
  check_split(split, path);
  const Legend legend{
      packed_classes(config), LabelMap::read(split.labels, path)};
  legend.map.check(legend.classes.size(), path);
  return std::make_shared<Packed>(
      config.root, std::move(split), legend, config, run_bytes
  );
}

std::shared_ptr<const Dataset> make_packed(
    const DataConfig& config, Role role
) {
  return make_packed_with_runs(config, role, kRunBytes);
}

Classes packed_classes(const DataConfig& config) {
  // A network is opened without the data that it was trained on.
  if (!config.classes.empty() &&
      !fs::exists(config.root + "/" + kPackedIndex)) {
    return make_classes(config.classes, config.colors);
  }
  const auto index = read_index(config.root);
  std::vector<std::string> names;
  std::vector<std::vector<int64_t>> colors;
  for (const auto& entry : index["classes"]) {
    const auto item = read_config<ClassEntry>(
        entry, config.root + "/" + kPackedIndex + ": classes"
    );
    names.push_back(item.name);
    colors.push_back(item.color);
  }
  auto classes = make_classes(names, colors);
  check_classes(config, classes);
  return classes;
}

}  // namespace deeplab::data
