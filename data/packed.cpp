// SPDX-License-Identifier: Apache-2.0
#include "data/packed.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <list>
#include <map>
#include <mutex>

#include "data/file_dataset.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kRunBytes = int64_t{4} << 20U;

Json read_index(const std::string& root) {
  const auto path = root + "/" + kPackedIndex;
  return parse_json(read_file(path), path);
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
    throw DataError(
        str(path_, ": has ", found, " bytes, its index says ", size)
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
        throw DataError(str(
            path_,
            ": cannot read: ",
            count < 0 ? std::strerror(errno) : "ends too early"
        ));
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
};

int64_t begin_of(const PackedSample& sample) { return sample.image.offset; }
int64_t end_of(const PackedSample& sample) {
  return sample.mask.offset + sample.mask.size;
}

/// The runs that were read last.
class RunCache {
 public:
  using Bytes = std::shared_ptr<const std::string>;

  explicit RunCache(size_t capacity) : capacity_(capacity) {}

  /// Reads with `read` what is not there. Threads that ask for one run at the
  /// same time wait for one reading.
  Bytes get(int64_t run, const std::function<std::string()>& read) {
    std::shared_ptr<Slot> slot;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      auto& entry = slots_[run];
      if (entry) {
        used_.remove(run);
      } else {
        entry = std::make_shared<Slot>();
      }
      used_.push_front(run);
      slot = entry;
      while (used_.size() > capacity_) {
        slots_.erase(used_.back());
        used_.pop_back();
      }
    }
    const std::lock_guard<std::mutex> lock(slot->mutex);
    if (!slot->bytes) slot->bytes = std::make_shared<const std::string>(read());
    return slot->bytes;
  }

 private:
  struct Slot {
    std::mutex mutex;
    Bytes bytes;
  };

  size_t capacity_;
  std::mutex mutex_;
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
        shuffle_buffer_(config.shuffle_buffer) {
    for (const auto& shard : split_.shards) {
      shards_.push_back(
          std::make_unique<Shard>(root + "/" + shard.file, shard.size)
      );
    }
    make_runs(run_bytes);
    cache_ = std::make_unique<RunCache>(2 * runs_of_a_buffer());
  }

  PairBytes bytes(int64_t index) const override {
    const auto& sample = split_.samples.at(static_cast<size_t>(index));
    const auto& shard = *shards_[static_cast<size_t>(sample.shard)];
    int64_t begin = begin_of(sample);
    RunCache::Bytes bytes;
    if (shuffle_buffer_ == 0) {
      bytes = std::make_shared<const std::string>(
          shard.read(begin, end_of(sample) - begin)
      );
    } else {
      const int64_t number = run_of_[static_cast<size_t>(index)];
      const auto& run = runs_[static_cast<size_t>(number)];
      begin = begin_of(split_.samples[static_cast<size_t>(run.first)]);
      const int64_t end =
          end_of(split_.samples[static_cast<size_t>(run.last) - 1]);
      bytes = cache_->get(number, [&] {
        return shard.read(begin, end - begin);
      });
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
    if (shuffle_buffer_ == 0) return FileDataset::order(random);
    std::vector<int64_t> order;
    std::vector<int64_t> buffer;
    const auto flush = [&] {
      for (const auto i :
           random.permutation(static_cast<int64_t>(buffer.size()))) {
        order.push_back(buffer[static_cast<size_t>(i)]);
      }
      buffer.clear();
    };
    for (const auto number :
         random.permutation(static_cast<int64_t>(runs_.size()))) {
      const auto& run = runs_[static_cast<size_t>(number)];
      for (int64_t i = run.first; i < run.last; ++i) buffer.push_back(i);
      if (static_cast<int64_t>(buffer.size()) >= shuffle_buffer_) flush();
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
      bool is_new = runs_.empty();
      if (!is_new) {
        const auto& first = samples[static_cast<size_t>(runs_.back().first)];
        is_new = first.shard != sample.shard ||
                 end_of(sample) - begin_of(first) > run_bytes;
      }
      if (is_new) runs_.push_back({i, i});
      runs_.back().last = i + 1;
      run_of_.push_back(static_cast<int64_t>(runs_.size()) - 1);
    }
  }

  /// The most runs that one shuffling can take.
  size_t runs_of_a_buffer() const {
    std::vector<int64_t> lengths;
    for (const auto& run : runs_) lengths.push_back(run.last - run.first);
    std::sort(lengths.begin(), lengths.end());
    size_t count = 0;
    for (int64_t images = 0; count < lengths.size() && images < shuffle_buffer_;
         ++count) {
      images += lengths[count];
    }
    return std::max<size_t>(count, 1);
  }

  PackedSplit split_;
  int64_t shuffle_buffer_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<Run> runs_;
  std::vector<int64_t> run_of_;
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
  const auto splits = index.find("splits");
  const auto found = splits == index.end() ? Json() : splits->value(name, Json());
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

}  // namespace

std::shared_ptr<const Dataset> make_packed_with_runs(
    const DataConfig& config, Role role, int64_t run_bytes
) {
  const auto path = config.root + "/" + kPackedIndex;
  auto split = read_split(read_index(config.root), config.split(role), path);
  const Legend legend{
      packed_classes(config), LabelMap::read(split.labels, path)};
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
  const auto index = read_index(config.root);
  std::vector<std::string> names;
  std::vector<std::vector<int64_t>> colors;
  for (const auto& entry : index.value("classes", Json::array())) {
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
