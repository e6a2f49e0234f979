// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/rows.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <list>
#include <mutex>
#include <new>

#ifdef __linux__
#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "deeplab/core/error.h"
#include "deeplab/crf/kernels/parallel.h"

namespace deeplab::crf {

namespace {

constexpr size_t kCacheLine = 64;
constexpr size_t kHugePage = size_t{2} << 20U;

/// Returns the number of bytes that an allocation really takes: up to an eighth
/// more, so that images of about the same size can reuse each other's tables.
size_t whole_pages(size_t bytes) {
  size_t page = bytes >= kHugePage ? kHugePage : kCacheLine;
  while (page <= bytes / 16) page *= 2;
  return std::max(page, (bytes + page - 1) / page * page);
}

/// Keeps released tables for reuse, except for those of images of a million
/// pixels, which need the memory.
class Pool {
 public:
  void* take(size_t bytes) {
    if (bytes < kHugePage) return nullptr;
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found =
        std::find_if(free_.begin(), free_.end(), [&](const Block& block) {
          return block.bytes == bytes;
        });
    if (found == free_.end()) return nullptr;
    void* memory = found->memory;
    free_.erase(found);
    kept_ -= bytes;
    return memory;
  }
  /// Keeps a table, and frees those that were released first if there is no
  /// room.
  void keep(void* memory, size_t bytes) {
    constexpr size_t kMost = size_t{512} << 20U;
    constexpr size_t kLargest = size_t{64} << 20U;
    if (bytes < kHugePage || bytes > kLargest) {
      std::free(memory);
      return;
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    while (kept_ + bytes > kMost) {
      kept_ -= free_.front().bytes;
      std::free(free_.front().memory);
      free_.pop_front();
    }
    free_.push_back({memory, bytes});
    kept_ += bytes;
  }

 private:
  struct Block {
    void* memory;
    size_t bytes;
  };

  std::mutex mutex_;
  std::list<Block> free_;
  size_t kept_ = 0;
};

/// The pool is never destroyed, because tables may live as long as the program.
Pool& pool() {
  static Pool& only = *new Pool;
  return only;
}

}  // namespace

void check_memory(
    [[maybe_unused]] size_t pixels, [[maybe_unused]] size_t bytes_per_pixel
) {
#ifdef __linux__
  const double needed =
      static_cast<double>(pixels) * static_cast<double>(bytes_per_pixel);
  const double present = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                         static_cast<double>(::sysconf(_SC_PAGESIZE));
  constexpr double kGigabyte = 1e9;
  if (needed <= present) return;
  throw ConfigError(fmt::format(
      "crf: {} pixels need at least {} GB; this machine has {} GB; use a smaller image, or set drop_labels_below",
      pixels, std::ceil(needed / kGigabyte), std::floor(present / kGigabyte)
  ));
#endif
}

void* allocate(size_t bytes, Content content) {
  const size_t whole = whole_pages(bytes);
  auto* memory = static_cast<char*>(pool().take(whole));
  if (memory == nullptr) {
    const size_t page = whole >= kHugePage ? kHugePage : kCacheLine;
    memory = static_cast<char*>(std::aligned_alloc(page, whole));
    if (memory == nullptr) throw std::bad_alloc();
#ifdef __linux__
    if (page == kHugePage) ::madvise(memory, whole, MADV_HUGEPAGE);
#endif
  }
  if (content == Content::kUnset) return memory;
  parallel_ranges(bytes, [&](Range range) {
    std::fill(memory + range.begin, memory + range.end, 0);
  });
  return memory;
}

void release(void* memory, size_t bytes) noexcept {
  try {
    pool().keep(memory, whole_pages(bytes));
  } catch (const std::exception&) {
    std::free(memory);
  }
}

}  // namespace deeplab::crf
