// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include <torch/types.h>

namespace deeplab {

/// Anything that turns images into class scores: a network, a TorchScript file,
/// or either of them applied at several scales.
///
/// Shapes: float [N, 3, H, W], RGB, normalised -> logits [N, num_classes, H,
/// W].
using Segmenter = std::function<torch::Tensor(const torch::Tensor& images)>;

/// Height and width of an image, in pixels.
struct ImageSize {
  int64_t height;
  int64_t width;
};

}  // namespace deeplab
