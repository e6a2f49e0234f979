// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace deeplab::nn {

/// Bilinear resize with align_corners = false, as PyTorch's DeepLabs do it
/// (TensorFlow's use true).
///
/// Shapes: [N, C, h, w] -> [N, C, H, W], the H and W of `like`.
torch::Tensor resize_like(
    const torch::Tensor& features, const torch::Tensor& like
);

}  // namespace deeplab::nn
