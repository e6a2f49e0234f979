// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "deeplab/core/segmenter.h"
#include "deeplab/model/deeplab.h"

namespace deeplab::compile {

/// Compiles a network for inference: batch norms, ReLUs and sums are folded
/// into the convolutions before them, the weights are copied and packed for the
/// device, and the memory of maps is reused. The result has the network's
/// present weights and output stride; later changes have no effect on it. It
/// must not be called by two threads at once. On a GPU, move the network there
/// first.
///
/// Shapes: float [N, 3, H, W] -> float32 logits [N, num_classes, H, W], any H,
///         W >= 1.
/// `precision` is the type of weights and feature maps: float32, bfloat16, or
/// float16 on CUDA; sums are float32.
/// Throws: c10::Error naming an operator that cannot be compiled (see
///         README.md).
Segmenter compile(
    model::DeepLab network, torch::ScalarType precision = torch::kFloat32
);

}  // namespace deeplab::compile
