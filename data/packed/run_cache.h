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

/// A sequence of samples of one shard, first..last-1, that are read together.
struct Run {
  int64_t first;
  int64_t last;
  int64_t bytes;
  int64_t images() const { return last - first; }
};

/// Limit of a buffer in images and in bytes, whichever is reached first. Also
/// the amount that a buffer holds.
struct BufferLimit {
  int64_t images;
  int64_t bytes;
  bool is_full(const BufferLimit& held) const {
    return held.images >= images || held.bytes >= bytes;
  }
};

/// A least-recently-used cache of runs. Safe to use from several threads.
class RunCache {
 public:
  using Bytes = std::shared_ptr<const std::string>;

  explicit RunCache(const BufferLimit& most) : most_(most) {}

  /// Returns the bytes of a run, calling `read` if they are not cached. Threads
  /// that ask for the same run at the same time wait for a single read.
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
  /// Cached runs by the index of their first sample.
  std::map<int64_t, std::shared_ptr<Slot>> slots_;
  /// First samples of the cached runs, most recently used first.
  std::list<int64_t> used_;
};

}  // namespace deeplab::data
