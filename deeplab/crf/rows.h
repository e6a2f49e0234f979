// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace deeplab::crf {

/// Floats that are worked on at a time.
constexpr size_t kLanes = 8;

/// A table of floats, one row a pixel or lattice vertex, one column a label.
/// Rows are padded to a multiple of kLanes, so that a loop over one has no
/// remainder; the padding starts as 0.
class Rows {
 public:
  Rows(size_t count, size_t labels)
      : count_(count),
        labels_(labels),
        blocks_((labels + kLanes - 1) / kLanes),
        values_(allocate_zeros(count * blocks_ * kLanes)) {}

  size_t count() const noexcept { return count_; }
  size_t labels() const noexcept { return labels_; }
  /// Floats from one row to the next.
  size_t width() const noexcept { return blocks_ * kLanes; }
  size_t blocks() const noexcept { return blocks_; }

  float* operator[](size_t row) noexcept {
    return values_.get() + row * width();
  }
  const float* operator[](size_t row) const noexcept {
    return values_.get() + row * width();
  }

 private:
  struct Release {
    void operator()(float* values) const { std::free(values); }
  };
  using Values = std::unique_ptr<float[], Release>;
  /// In huge pages where the system has them: a table is walked at random.
  /// Throws: std::bad_alloc.
  static Values allocate_zeros(size_t floats);

  size_t count_;
  size_t labels_;
  size_t blocks_;
  Values values_;
};

/// A part of the rows: begin, and one past the end.
struct Range {
  size_t begin;
  size_t end;
};

}  // namespace deeplab::crf
