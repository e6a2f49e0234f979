// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace deeplab::crf {

/// Floats that are worked on at a time.
constexpr size_t kLanes = 8;

enum class Content { kZero, kUnset };
/// Memory in huge pages where the system has them: a table is walked at random.
/// Throws: std::bad_alloc.
void* allocate(size_t bytes, Content content);
/// Gives them back. Tables of up to 64 MiB, 512 MiB in all, are kept for the
/// next of about that size: images of a set are alike, and fresh pages cost as
/// much as some iterations.
void release(void* memory, size_t bytes) noexcept;

/// Throws: ConfigError where pixels that take so much each cannot fit into this
///         machine's memory, which would otherwise end in the system's killing
///         the program.
void check_memory(size_t pixels, size_t bytes_per_pixel);

/// Numbers in memory of allocate().
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

/// A table of floats, one row a pixel or lattice vertex, one column a label.
/// Rows are padded to a multiple of kLanes, so that a loop over one has no
/// remainder.
class Rows {
 public:
  /// Values and padding start as 0, or as what is written to them first.
  Rows(size_t count, size_t labels, Content content = Content::kZero)
      : count_(count),
        labels_(labels),
        blocks_((labels + kLanes - 1) / kLanes),
        values_(count * width(), content) {}

  size_t count() const noexcept { return count_; }
  size_t labels() const noexcept { return labels_; }
  /// Floats from one row to the next.
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

/// A part of the rows: begin, and one past the end.
struct Range {
  size_t begin;
  size_t end;
};

}  // namespace deeplab::crf
