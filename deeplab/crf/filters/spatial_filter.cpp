// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/filters/spatial_filter.h"

#include <algorithm>
#include <vector>

#include "deeplab/crf/kernels/parallel.h"

namespace deeplab::crf {
namespace {

/// Splits the scale of each pixel into a factor of its row and one of its
/// column.
struct Product {
  std::vector<float> of_rows;
  std::vector<float> of_columns;
};

Product take_apart(const std::vector<float>& scale, size_t width) {
  const size_t height = scale.size() / width;
  const float* middle = &scale[height / 2 * width];
  Product product{{}, {middle, middle + width}};
  const size_t x = width / 2;
  for (size_t y = 0; y < height; ++y) {
    product.of_rows.push_back(
        middle[x] == 0 ? 0 : scale[y * width + x] / middle[x]
    );
  }
  return product;
}

void weigh_inputs(const std::vector<float>& weights, Bands& bands) {
  for (size_t at = 0; at < bands.taps.size(); ++at) {
    bands.taps[at] *= weights[bands.first[at / bands.count] + at % bands.count];
  }
}

void weigh_outputs(const std::vector<float>& weights, Bands& bands) {
  for (size_t at = 0; at < bands.taps.size(); ++at) {
    bands.taps[at] *= weights[at / bands.count];
  }
}

std::vector<float> through(
    const Bands& bands, const std::vector<float>& values
) {
  std::vector<float> result(bands.outputs);
  for (size_t at = 0; at < bands.taps.size(); ++at) {
    const size_t output = at / bands.count;
    result[output] +=
        bands.taps[at] * values[bands.first[output] + at % bands.count];
  }
  return result;
}

/// Returns the result of the bands for a line of ones.
std::vector<float> line_sums(const GaussianBands& bands) {
  const bool fine = bands.down.outputs == 0;
  const std::vector<float> ones(
      fine ? bands.blur.inputs : bands.down.inputs, 1
  );
  if (fine) return through(bands.blur, ones);
  return through(bands.up, through(bands.blur, through(bands.down, ones)));
}

}  // namespace

SpatialFilter::SpatialFilter(int64_t height, int64_t width, double sigma)
    : step_(gaussian_step(sigma, static_cast<size_t>(std::min(height, width)))),
      width_(static_cast<size_t>(width)),
      columns_(gaussian_bands(sigma, static_cast<size_t>(height), step_)),
      rows_(gaussian_bands(sigma, width_, step_)) {}

std::vector<float> SpatialFilter::sums(size_t pixels) const {
  const auto columns = line_sums(columns_);
  const auto rows = line_sums(rows_);
  std::vector<float> result;
  result.reserve(pixels);
  for (const float column : columns) {
    for (const float row : rows) result.push_back(column * row);
  }
  return result;
}

void SpatialFilter::set_scales(Scales scales) {
  const auto given = take_apart(scales.given, width_);
  const auto taken = take_apart(scales.taken, width_);
  const bool fine = step_ == 1;
  weigh_inputs(given.of_rows, fine ? columns_.blur : columns_.down);
  weigh_inputs(given.of_columns, fine ? rows_.blur : rows_.down);
  weigh_outputs(taken.of_rows, fine ? columns_.blur : columns_.up);
  weigh_outputs(taken.of_columns, fine ? rows_.blur : rows_.up);
}

/// At a coarse step, the workspace holds the coarse values twice: before and
/// after the blur along columns.
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
          columns_.down, {y, y + 1}, {values[0], width_}, {0, width_}, blocks,
          line[0]
      );
      apply_bands(rows_.down, {0, count}, line[0], 0, blocks, coarse[0]);
      apply_bands(
          rows_.blur, {0, count}, coarse[0], 0, blocks, workspace[y * count]
      );
    }
  });
  parallel_ranges(columns_.blur.outputs, [&](Range range) {
    combine_lines(
        columns_.blur, range, {workspace[0], count}, {0, count}, blocks,
        workspace[places() + range.begin * count]
    );
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
        columns_to(), {y, y + count}, lines_from(values, workspace), from,
        values.blocks(), combined[0]
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
