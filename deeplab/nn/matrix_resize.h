// SPDX-License-Identifier: Apache-2.0
// Resizing and pooling as matrix products. Their gradients have the same bits
// in every run on CUDA, too, where LibTorch's own do not. The functions of
// resize.h use them there if deterministic algorithms are requested.
#pragma once

#include <torch/types.h>

namespace deeplab::nn {

/// Positions in a source at which the pixels of a resized map are read, along
/// one axis: pixel k at first + k * step, or at the nearest source pixel if
/// that is outside.
struct Positions {
  double first;
  double step;
};

/// Resizes bilinearly to the size of `like`, which stays a variable while a
/// network is traced.
///
/// Shapes: [N, C, h, w] -> [N, C, H, W], where H and W are those of `like`.
torch::Tensor resize_with_matrices(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const Positions& rows,
    const Positions& columns
);

/// Returns the positions that at::upsample_bilinear2d reads when it resizes
/// `in` pixels to `out`.
Positions edge_positions(int64_t in, int64_t out);
Positions corner_positions(int64_t in, int64_t out);

/// Computes the same as mean_bins().
torch::Tensor mean_bins_with_matrices(
    const torch::Tensor& features, int64_t bins
);

}  // namespace deeplab::nn
