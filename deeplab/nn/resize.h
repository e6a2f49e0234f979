// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

#include <torch/types.h>

namespace deeplab::nn {

/// What the edges of two grids share: the outer edges of their corner pixels
/// (kNo: PyTorch's DeepLabs), or those pixels' centres (kYes: TensorFlow's).
enum class AlignCorners { kNo, kYes };

/// Bilinear resize.
///
/// Shapes: [N, C, h, w] -> [N, C, height, width].
torch::Tensor resize(
    const torch::Tensor& features,
    std::pair<int64_t, int64_t> height_width,
    AlignCorners corners
);

/// As resize(), to the size of another map.
///
/// Shapes: [N, C, h, w] -> [N, C, H, W], the H and W of `like`.
torch::Tensor resize_like(
    const torch::Tensor& features,
    const torch::Tensor& like,
    AlignCorners corners
);

}  // namespace deeplab::nn
