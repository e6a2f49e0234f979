// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/nn/norm.h"

namespace deeplab::nn {

/// Upper limit of a ReLU: none, or 6 as in MobileNetV2 (ReLU6).
enum class ReluCeiling { kNone, kSix };

/// Fused batch norm and ReLU: relu(norm(features)), with an upper limit. It is
/// fused while training on a CPU if the features are channels_last (float32, or
/// bfloat16 with float32 inside); then it reads memory about half as often as
/// the two separate operations, forward and backward. In all other cases it
/// runs the two operations one after the other.
///
/// Shapes: [N, C, h, w] -> [N, C, h, w].
/// Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1 and the
///         gradients of section 3.
torch::Tensor batch_norm_relu(
    NormImpl& norm, const torch::Tensor& features, ReluCeiling ceiling
);

/// Batch norm without ReLU, fused in the same cases as batch_norm_relu().
///
/// Shapes: [N, C, h, w] -> [N, C, h, w].
torch::Tensor batch_norm(NormImpl& norm, const torch::Tensor& features);

}  // namespace deeplab::nn
