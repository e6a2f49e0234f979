// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/spatial_filter.h"

#include <algorithm>

#include "deeplab/crf/parallel.h"

namespace deeplab::crf {

SpatialFilter::SpatialFilter(int64_t height, int64_t width, double sigma)
    : step_(gaussian_step(sigma, static_cast<size_t>(std::min(height, width)))),
      width_(static_cast<size_t>(width)),
      columns_(gaussian_bands(sigma, static_cast<size_t>(height), step_)),
      rows_(gaussian_bands(sigma, width_, step_)) {}

void SpatialFilter::set_scales(Scales scales) {
  const bool fine = step_ == 1;
  GaussianBands& c = columns_;
  GaussianBands& r = rows_;
  // Of the middle row's pixels, and of rows relative to it.
  const size_t middle = columns_to().outputs / 2 * width_;
  const auto of_column = [&](const std::vector<float>& scale, size_t x) {
    return scale[middle + x];
  };
  const auto of_row = [&](const std::vector<float>& scale, size_t y) {
    const size_t x = width_ / 2;
    const float there = scale[middle + x];
    return there == 0 ? 0 : scale[y * width_ + x] / there;
  };
  const auto weigh = [](Bands& bands, const auto& input, const auto& output) {
    for (size_t y = 0; y < bands.outputs; ++y) {
      for (size_t t = 0; t < bands.count; ++t) {
        bands.taps[y * bands.count + t] *=
            input(bands.first[y] + t) * output(y);
      }
    }
  };
  const auto one = [](size_t /*at*/) { return 1.0F; };
  const auto given_row = [&](size_t y) { return of_row(scales.given, y); };
  const auto given_column = [&](size_t x) {
    return of_column(scales.given, x);
  };
  const auto taken_row = [&](size_t y) { return of_row(scales.taken, y); };
  const auto taken_column = [&](size_t x) {
    return of_column(scales.taken, x);
  };
  weigh(fine ? c.blur : c.down, given_row, one);
  weigh(fine ? r.blur : r.down, given_column, one);
  weigh(fine ? c.blur : c.up, one, taken_row);
  weigh(fine ? r.blur : r.up, one, taken_column);
}

/// At a coarse step, the values there twice: before and after the columns'
/// blur.
Rows SpatialFilter::make_workspace(size_t labels) const {
  return {step_ == 1 ? 0 : 2 * places(), labels, Content::kUnset};
}

void SpatialFilter::read(const Rows& values, size_t /*turn*/, Rows& workspace)
    const {
  if (step_ == 1) return;
  const size_t blocks = values.blocks();
  const size_t count = rows_.blur.outputs;
  parallel_ranges(columns_.down.outputs, [&](Range range) {
    Rows line(width_, values.labels(), Content::kUnset);
    Rows coarse(count, values.labels());
    for (size_t y = range.begin; y < range.end; ++y) {
      std::fill(coarse[0], coarse[count], 0.0F);
      std::fill(workspace[y * count], workspace[(y + 1) * count], 0.0F);
      combine_lines(
          columns_.down,
          {y, y + 1},
          {values[0], width_},
          {0, width_},
          blocks,
          line[0]
      );
      apply_bands(rows_.down, {0, count}, line[0], 0, blocks, coarse[0]);
      apply_bands(
          rows_.blur, {0, count}, coarse[0], 0, blocks, workspace[y * count]
      );
    }
  });
  parallel_ranges(columns_.blur.outputs, [&](Range range) {
    for (size_t y = range.begin; y < range.end; ++y) {
      combine_lines(
          columns_.blur,
          {y, y + 1},
          {workspace[0], count},
          {0, count},
          blocks,
          workspace[places() + y * count]
      );
    }
  });
}

void SpatialFilter::add(
    const Rows& values, const Rows& workspace, Range pixels, float* sums
) const {
  for (size_t at = pixels.begin; at < pixels.end;) {
    const size_t columns = std::min(width_ - at % width_, pixels.end - at);
    add_tile(values, workspace, {at, columns, 1, width_}, sums);
    sums += columns * values.width();
    at += columns;
  }
}

void SpatialFilter::add_tile(
    const Rows& values, const Rows& workspace, const Tile& tile, float* sums
) const {
  const Bands& rows = rows_to();
  const size_t x = tile.first % width_;
  const Range to{x, x + tile.columns};
  const Range from{rows.first[x], rows.first[to.end - 1] + rows.count};
  const size_t length = from.end - from.begin;
  Rows combined(2 * length, values.labels(), Content::kUnset);
  for (size_t row = 0; row < tile.rows; row += 2) {
    const size_t count = std::min<size_t>(2, tile.rows - row);
    const size_t y = tile.first / width_ + row;
    combine_lines(
        columns_to(),
        {y, y + count},
        lines_from(values, workspace),
        from,
        values.blocks(),
        combined[0]
    );
    for (size_t of = 0; of < count; ++of) {
      apply_bands(
          rows, to, combined[of * length], from.begin, values.blocks(), sums
      );
      sums += tile.columns * values.width();
    }
  }
}

}  // namespace deeplab::crf
