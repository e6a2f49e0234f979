// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace deeplab::nn {

/// What the edges of two grids share: the outer edges of their corner pixels
/// (kNo: PyTorch's DeepLabs), or those pixels' centres (kYes: TensorFlow's).
enum class AlignCorners { kNo, kYes };

/// Bilinear resize to the size of another map. While a network is traced, that
/// size stays a variable of the trace.
///
/// Shapes: [N, C, h, w] -> [N, C, H, W], the H and W of `like`.
torch::Tensor resize_like(
    const torch::Tensor& features,
    const torch::Tensor& like,
    AlignCorners corners
);

/// Bilinear resize by a factor, whose result is rounded down but not to 0.
///
/// Shapes: [N, C, h, w] -> [N, C, floor(h * factor), floor(w * factor)].
torch::Tensor rescale(
    const torch::Tensor& features, double factor, AlignCorners corners
);

/// The same as at::upsample_bilinear2d, by two products of matrices, whose
/// gradients come out the same bits each time on CUDA too: what the functions
/// above do there where deterministic algorithms are asked for. `step` is the
/// distance of neighbouring results in source pixels, for kNo.
///
/// Shapes: [N, C, h, w] -> [N, C, height, width].
struct ResizeGrid {
  int64_t height;
  int64_t width;
  double step_y;
  double step_x;
};
torch::Tensor resize_by_products(
    const torch::Tensor& features, const ResizeGrid& grid, AlignCorners corners
);

/// Means over bins x bins parts of the map, which overlap by a pixel where its
/// sides are no multiple; the second by two products of matrices, whose
/// gradients come out the same bits each time on CUDA too.
///
/// Shapes: [N, C, h, w] -> [N, C, bins, bins].
torch::Tensor mean_bins(const torch::Tensor& features, int64_t bins);
torch::Tensor mean_bins_by_products(
    const torch::Tensor& features, int64_t bins
);

/// One value a channel, wherever the map of `like` has a pixel.
///
/// Shapes: [N, C, 1, 1] -> [N, C, H, W], the H and W of `like`.
torch::Tensor spread_like(
    const torch::Tensor& values, const torch::Tensor& like
);

}  // namespace deeplab::nn
