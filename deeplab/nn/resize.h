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

/// One value a channel, wherever the map of `like` has a pixel.
///
/// Shapes: [N, C, 1, 1] -> [N, C, H, W], the H and W of `like`.
torch::Tensor spread_like(
    const torch::Tensor& values, const torch::Tensor& like
);

}  // namespace deeplab::nn
