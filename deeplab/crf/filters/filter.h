// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "deeplab/crf/kernels/features.h"
#include "deeplab/crf/kernels/rows.h"

namespace deeplab::crf {

/// An image with any number of channels: 8-bit levels, row by row, with the
/// channels of a pixel next to each other (HWC). Colours are raw: not
/// normalised, without subtraction of the mean. The memory belongs to the
/// caller.
struct Image {
  const uint8_t* pixels;
  int64_t height;
  int64_t width;
  int64_t channels;
};

/// A rectangle of an image's pixels, which are stored row by row.
struct Tile {
  /// Index of its first pixel.
  size_t first;
  size_t columns;
  size_t rows;
  /// Distance from one row to the next, in pixels.
  size_t pitch;

  Range row(size_t index) const {
    const size_t begin = first + index * pitch;
    return {begin, begin + columns};
  }
  /// Returns the pixel at position `at` of the tile, counted row by row.
  size_t pixel(size_t at) const {
    return row(at / columns).begin + at % columns;
  }
};

/// Factors on the value that each pixel gives and on the sum that it takes;
/// they contain a kernel's normalisation and weight.
struct Scales {
  std::vector<float> given;
  std::vector<float> taken;
};
/// Returns scales of 1, without normalisation or weight.
Scales unit_scales(size_t pixels);

/// The sum over all pairs of pixels that mean field needs from one kernel,
///   result_i = taken_i * sum_j k(f_i, f_j) given_j values_j,
///   k(f, g) = exp(-|f - g|^2 / 2),
/// or an approximation of it, in two steps: read() and add().
///
/// Thread use: read() uses all threads itself. add() and add_tile() may be
/// called concurrently for different pixels. Results do not depend on the
/// number of threads.
class Filter {
 public:
  virtual ~Filter() = default;

  /// Returns the memory that read() fills and add() reads, for `labels` labels.
  virtual Rows make_workspace(size_t labels) const = 0;

  /// Processes the values of all pixels. `turn` counts the calls: engines may
  /// vary with it, so that their error evens out.
  virtual void read(const Rows& values, size_t turn, Rows& workspace) const = 0;

  /// Adds the results of some pixels to `sums`, row by row. `values` are those
  /// that read() got.
  virtual void add(
      const Rows& values, const Rows& workspace, Range pixels, float* sums
  ) const = 0;
  /// Does the same for a tile.
  virtual void add_tile(
      const Rows& values, const Rows& workspace, const Tile& tile, float* sums
  ) const;

  /// Returns k(f_i, f_i) as this engine computes it, without the scales.
  virtual float own_weight(size_t pixel) const = 0;

  /// Returns sum_j k(f_i, f_j), including j == i, for each of the image's
  /// `pixels` pixels, as the engine computes it (the mean of two turns if turns
  /// differ). Call it only before set_scales().
  virtual std::vector<float> sums(size_t pixels) const;

  /// True if add() reads the values of other pixels; keep `values` unchanged
  /// until every pixel is done.
  virtual bool reads_neighbours() const = 0;

  /// Sets the scales, which are all 1 before; call it at most once.
  virtual void set_scales(Scales scales) = 0;
};

}  // namespace deeplab::crf
