// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace deeplab::crf {

/// Number of floats that are processed at a time.
constexpr size_t kLanes = 8;

enum class Content { kZero, kUnset };
/// Allocates memory, in huge pages if the system has them, because tables are
/// read in random order.
/// Throws: std::bad_alloc.
void* allocate(size_t bytes, Content content);
/// Releases memory of allocate(). Tables of up to 64 MiB, 512 MiB in all, are
/// kept for the next allocation of about the same size: images of a data set
/// have similar sizes, and fresh pages cost as much as some iterations.
void release(void* memory, size_t bytes) noexcept;

/// Throws: ConfigError if `pixels` pixels of `bytes_per_pixel` bytes cannot fit
///         into this machine's memory (on Linux, where the system would
///         otherwise kill the program).
void check_memory(size_t pixels, size_t bytes_per_pixel);

/// An array of numbers in memory of allocate().
template <class Number>
class Array {
 public:
  Array(size_t count, Content content)
      : count_(count),
        numbers_(
            static_cast<Number*>(allocate(bytes(), content)), Release{bytes()}
        ) {}

  size_t size() const noexcept { return count_; }
  Number* data() noexcept { return numbers_.get(); }
  const Number* data() const noexcept { return numbers_.get(); }
  Number& operator[](size_t at) noexcept { return numbers_[at]; }
  const Number& operator[](size_t at) const noexcept { return numbers_[at]; }

 private:
  struct Release {
    size_t bytes;
    void operator()(Number* numbers) const { release(numbers, bytes); }
  };

  size_t bytes() const { return count_ * sizeof(Number); }

  size_t count_;
  std::unique_ptr<Number[], Release> numbers_;
};

/// A table of floats with one row per pixel or lattice vertex and one column
/// per label. Rows are padded to a multiple of kLanes, so that loops over a row
/// have no remainder.
class Rows {
 public:
  /// Values and padding start as 0, or uninitialised with Content::kUnset.
  Rows(size_t count, size_t labels, Content content = Content::kZero)
      : count_(count),
        labels_(labels),
        blocks_((labels + kLanes - 1) / kLanes),
        values_(count * width(), content) {}

  size_t count() const noexcept { return count_; }
  size_t labels() const noexcept { return labels_; }
  /// Returns the number of floats from one row to the next.
  size_t width() const noexcept { return blocks_ * kLanes; }
  size_t blocks() const noexcept { return blocks_; }

  float* operator[](size_t row) noexcept {
    return values_.data() + row * width();
  }
  const float* operator[](size_t row) const noexcept {
    return values_.data() + row * width();
  }

 private:
  size_t count_;
  size_t labels_;
  size_t blocks_;
  Array<float> values_;
};

/// A range of rows, from `begin` to one before `end`.
struct Range {
  size_t begin;
  size_t end;
};

}  // namespace deeplab::crf
