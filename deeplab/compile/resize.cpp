// SPDX-License-Identifier: Apache-2.0
#include "deeplab/compile/resize.h"

#include <algorithm>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include "deeplab/compile/convolution.h"
#include "deeplab/compile/resize_loops.h"
#include "deeplab/nn/matrix_resize.h"

namespace deeplab::compile {
namespace {

std::vector<Blend> blends(
    const nn::Resampling& resampling, int64_t in, int64_t out
) {
  nn::Positions positions{
      (resampling.to.first - resampling.from.first) / resampling.from.step,
      resampling.to.step / resampling.from.step};
  if (resampling.alignment == nn::Alignment::kEdges) {
    positions = nn::edge_positions(in, out);
  } else if (resampling.alignment == nn::Alignment::kCorners) {
    positions = nn::corner_positions(in, out);
  }
  std::vector<Blend> result;
  const auto last = static_cast<double>(in - 1);
  for (int64_t k = 0; k < out; ++k) {
    const double at = std::clamp(
        positions.first + static_cast<double>(k) * positions.step, 0.0, last
    );
    const auto first = static_cast<int64_t>(at);
    result.push_back(
        {static_cast<int32_t>(first),
         static_cast<int32_t>(std::min(first + 1, in - 1)),
         static_cast<float>(at - static_cast<double>(first))}
    );
  }
  return result;
}

/// Calls `function` with the index of each row of the result and the rows of
/// `features` that it is blended of.
template <class Value, class Function>
void each_row(
    const torch::Tensor& features,
    const std::vector<Blend>& rows,
    const Function& function
) {
  const auto* values = static_cast<const Value*>(features.data_ptr());
  const int64_t row_size = features.size(3) * features.size(1);
  const auto height = static_cast<int64_t>(rows.size());
  at::parallel_for(
      0, features.size(0) * height, 1,
      [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const auto& blend = rows[static_cast<size_t>(row % height)];
          const auto* image =
              values + row / height * features.size(2) * row_size;
          function(
              row,
              BlendedRows<Value>{
                  image + blend.first * row_size,
                  image + blend.second * row_size, blend.weight}
          );
        }
      }
  );
}

template <class Value>
void resize_pixels(
    const torch::Tensor& features,
    const std::vector<Blend>& rows,
    const std::vector<Blend>& columns,
    torch::Tensor& result
) {
  const RowShape shape{columns.data(), result.size(3), result.size(1)};
  auto* values = static_cast<Value*>(result.data_ptr());
  each_row<Value>(features, rows, [&](int64_t row, const auto& from) {
    blend_pixels(shape, from, values + row * shape.width * shape.channels);
  });
}

void resize_planes(
    const torch::Tensor& features,
    const std::vector<Blend>& rows,
    const std::vector<Blend>& columns,
    torch::Tensor& result
) {
  const RowShape shape{columns.data(), result.size(3), result.size(1)};
  const int64_t height = result.size(2);
  const int64_t plane = height * shape.width;
  auto* values = result.data_ptr<float>();
  each_row<float>(features, rows, [&](int64_t row, const auto& from) {
    std::vector<float> line(static_cast<size_t>(features.size(3)));
    const int64_t image = row / height;
    blend_planes(
        shape, from, features.size(3), line.data(),
        values + image * shape.channels * plane + row % height * shape.width,
        plane
    );
  });
}

}  // namespace

torch::Tensor resize(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const nn::Resampling& resampling,
    MapFormat format
) {
  const auto type = features.scalar_type();
  const bool has_size = features.sizes().slice(2) == like.sizes().slice(2);
  const bool is_same = resampling.alignment != nn::Alignment::kCentres ||
                       resampling.from == resampling.to;
  if (has_size && is_same) return features;
  const bool is_planar =
      format == MapFormat::kPlanes && type == torch::kFloat32;
  const bool is_known = type == torch::kFloat32 || type == torch::kBFloat16;
  if (!features.is_cpu() || !is_known ||
      (!is_planar && features.size(1) < kLeastBlended)) {
    return nn::resize_like(features, like, resampling);
  }
  const auto rows = blends(resampling, features.size(2), like.size(2));
  const auto columns = blends(resampling, features.size(3), like.size(3));
  const auto source = features.contiguous(kChannelsLast);
  auto result = at::empty(
      {features.size(0), features.size(1), like.size(2), like.size(3)},
      features.options().memory_format(
          is_planar ? torch::MemoryFormat::Contiguous : kChannelsLast
      )
  );
  if (is_planar) {
    resize_planes(source, rows, columns, result);
  } else if (type == torch::kBFloat16) {
    resize_pixels<nn::Bfloat16>(source, rows, columns, result);
  } else {
    resize_pixels<float>(source, rows, columns, result);
  }
  return result;
}

}  // namespace deeplab::compile
