// SPDX-License-Identifier: Apache-2.0
#include "data/packed/packed.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include "data/packed/packed_index.h"
#include "data/packed/run_cache.h"
#include "data/sets/file_dataset.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

constexpr int64_t kRunBytes = int64_t{4} << 20U;
constexpr int64_t kBufferBytes = int64_t{256} << 20U;

/// A file that several threads may read at the same time.
class Shard {
 public:
  Shard(std::string path, int64_t size)
      : path_(std::move(path)), file_(::open(path_.c_str(), O_RDONLY)) {
    if (file_ < 0) {
      throw DataError(
          fmt::format("{}: cannot open: {}", path_, std::strerror(errno))
      );
    }
    const auto found = ::lseek(file_, 0, SEEK_END);
    if (found == size) return;
    ::close(file_);
    throw DataError(fmt::format(
        "{}: has {} bytes; expected {}, as in its index; pack the set again",
        path_, found, size
    ));
  }
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard() { ::close(file_); }

  std::string read(int64_t offset, int64_t size) const {
    std::string bytes(static_cast<size_t>(size), '\0');
    size_t done = 0;
    while (done < bytes.size()) {
      const auto count = ::pread(
          file_, &bytes[done], bytes.size() - done,
          offset + static_cast<int64_t>(done)
      );
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        throw DataError(fmt::format(
            "{}: cannot read: {}", path_,
            count < 0 ? std::strerror(errno) : "file ends too early"
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

int64_t begin_of(const PackedSample& sample) { return sample.image.offset; }
int64_t end_of(const PackedSample& sample) {
  return sample.mask.offset + sample.mask.size;
}

class Packed : public FileDataset {
 public:
  Packed(
      const std::string& root,
      PackedSplit split,
      const Legend& legend,
      const DataConfig& config,
      int64_t run_bytes
  )
      : FileDataset(
            config, pairs_of(root, split), legend, root + "/" + kPackedIndex
        ),
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
        shard.path() + "/" + sample.image.name, part(sample.image),
        shard.path() + "/" + sample.mask.name, part(sample.mask)};
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
          {sample.id, root + "/" + sample.image.name,
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

  /// Allows for two shuffle buffers, each exceeded by up to one run: workers
  /// that run ahead already read from the second buffer.
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

}  // namespace

std::shared_ptr<const Dataset> make_packed_with_runs(
    const DataConfig& config, Role role, int64_t run_bytes
) {
  const auto path = config.root + "/" + kPackedIndex;
  auto split = read_packed_split(config.root, config.split(role));
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

}  // namespace deeplab::data
