// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "deeplab/crf/rows.h"

namespace deeplab::crf {

/// An image of any number of channels, 8-bit levels, row by row and the
/// channels of a pixel together. Colours as they were taken: not normalised,
/// the mean not subtracted. Not owned.
struct Image {
  const uint8_t* pixels;
  int64_t height;
  int64_t width;
  int64_t channels;
};

/// Points of a feature space, one a pixel, in units of the kernel's standard
/// deviations.
struct Features {
  size_t count = 0;
  size_t dimensions = 0;
  /// [count, dimensions]
  std::vector<float> values;
};

/// A rectangle of an image's pixels, which lie line by line.
struct Tile {
  /// Its first pixel.
  size_t first;
  size_t columns;
  size_t rows;
  /// From one row to the next.
  size_t pitch;

  Range row(size_t index) const {
    const size_t begin = first + index * pitch;
    return {begin, begin + columns};
  }
  /// The pixel that is `at` places behind the first, row by row.
  size_t pixel(size_t at) const {
    return row(at / columns).begin + at % columns;
  }
};

/// What each pixel gives and takes is multiplied by: how a kernel is
/// normalised and weighted.
struct Scales {
  std::vector<float> given;
  std::vector<float> taken;
};
/// Before normalisation and weight.
Scales unit_scales(size_t pixels);

/// The sum over all pairs of pixels that mean field needs of one kernel,
///   result_i = taken_i * sum_j k(f_i, f_j) given_j values_j,
///   k(f, g) = exp(-|f - g|^2 / 2),
/// or an approximation of it, in two steps.
///
/// Thread use: read() uses all threads itself; add() and add_tile() are called
/// by several at once for different pixels. Results do not depend on the number
/// of threads.
class Filter {
 public:
  virtual ~Filter() = default;

  /// What lies between the two steps, for that many labels.
  virtual Rows make_workspace(size_t labels) const = 0;

  /// Takes up all that is needed of `values`. `turn` counts the calls: engines
  /// may differ from turn to turn where that evens out their error.
  virtual void read(const Rows& values, size_t turn, Rows& workspace) const = 0;

  /// Adds the results of some pixels, row by row from `sums` on; `values` are
  /// those of read().
  virtual void add(
      const Rows& values, const Rows& workspace, Range pixels, float* sums
  ) const = 0;
  /// The same for a tile.
  virtual void add_tile(
      const Rows& values, const Rows& workspace, const Tile& tile, float* sums
  ) const;

  /// Adds taken_i k_ij given_j to the vote for the label of each pixel j but
  /// i = `pixel` itself; `votes` is [labels]. Not every engine can.
  /// Throws: ConfigError.
  virtual void add_votes(
      size_t pixel, const std::vector<uint8_t>& labels, double* votes
  ) const;

  /// k(f_i, f_i) as this engine has it, without the scales.
  virtual float own_weight(size_t pixel) const = 0;

  /// sum_j k(f_i, f_j) of each of the `pixels` that there are, j == i included,
  /// as the engine has it, in the mean over its turns. Only before
  /// set_scales().
  virtual std::vector<float> sums(size_t pixels) const;

  /// Whether add() looks at the values of pixels beside its own, which must
  /// stay as they were for read() until all is added.
  virtual bool reads_others() const = 0;

  /// At most once; before, all scales are 1.
  virtual void set_scales(Scales scales) = 0;
};

}  // namespace deeplab::crf
