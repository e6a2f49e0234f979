// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace deeplab::data {

/// Neighbours of one shard that are read at once: samples first..last-1.
struct Run {
  int64_t first;
  int64_t last;
  int64_t bytes;
  int64_t images() const { return last - first; }
};

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
  Bytes get(const Run& run, const std::function<std::string()>& read);

 private:
  struct Slot {
    Run run;
    std::mutex mutex;
    Bytes bytes;
  };

  void drop_last();

  BufferLimit most_;
  BufferLimit held_{0, 0};
  std::mutex mutex_;
  /// By their first samples.
  std::map<int64_t, std::shared_ptr<Slot>> slots_;
  /// Latest first.
  std::list<int64_t> used_;
};

}  // namespace deeplab::data
