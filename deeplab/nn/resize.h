// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace deeplab::nn {

/// Which points of two grids coincide when one is resized to the other: the
/// outer edges of the corner pixels (kNo, in the PyTorch projects) or the
/// centres of the corner pixels (kYes, in TensorFlow). The same as PyTorch's
/// `align_corners`.
enum class AlignCorners { kNo, kYes };

/// Resizes bilinearly to the size of another map. While a network is traced,
/// that size stays a variable of the trace.
///
/// Shapes: [N, C, h, w] -> [N, C, H, W], where H and W are those of `like`.
torch::Tensor resize_like(
    const torch::Tensor& features,
    const torch::Tensor& like,
    AlignCorners corners
);

/// Resizes bilinearly by a factor. The result's sides are rounded down, but are
/// at least 1.
///
/// Shapes: [N, C, h, w] -> [N, C, floor(h * factor), floor(w * factor)].
torch::Tensor rescale(
    const torch::Tensor& features, double factor, AlignCorners corners
);

/// Computes the same as at::upsample_bilinear2d, but by two matrix products,
/// whose gradients have the same bits in every run on CUDA, too. The functions
/// above use it on CUDA if deterministic algorithms are requested. For
/// AlignCorners::kNo, `step_y` and `step_x` are the distances between
/// neighbouring output pixels, in source pixels; kYes ignores them.
///
/// Shapes: [N, C, h, w] -> [N, C, height, width].
struct ResizeGrid {
  int64_t height;
  int64_t width;
  double step_y;
  double step_x;
};
torch::Tensor resize_deterministic(
    const torch::Tensor& features, const ResizeGrid& grid, AlignCorners corners
);

/// Averages the map over bins x bins cells (adaptive average pooling). If the
/// sides of the map are not a multiple of `bins`, neighbouring cells overlap by
/// a pixel. mean_bins_deterministic() uses two matrix products, whose gradients
/// have the same bits in every run on CUDA, too; mean_bins() calls it on CUDA
/// if deterministic algorithms are requested.
///
/// Shapes: [N, C, h, w] -> [N, C, bins, bins].
torch::Tensor mean_bins(const torch::Tensor& features, int64_t bins);
torch::Tensor mean_bins_deterministic(
    const torch::Tensor& features, int64_t bins
);

/// Repeats one value per channel at every pixel of the map `like`.
///
/// Shapes: [N, C, 1, 1] -> [N, C, H, W], where H and W are those of `like`.
torch::Tensor spread_like(
    const torch::Tensor& values, const torch::Tensor& like
);

}  // namespace deeplab::nn
