// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/nn/norm.h"

namespace deeplab::nn {

/// The upper end of a ReLU: none, or 6 as in MobileNetV2.
enum class ReluCeiling { kNone, kSix };

/// Batch norm and ReLU in one go: relu(norm(features)), capped. While training
/// on a CPU, with features in channels_last (float32, or bfloat16 with float32
/// inside), it reads memory about half as often as the two operations one after
/// the other, forward and backward; in all other cases it is those two.
///
/// Shapes: [N, C, h, w] -> [N, C, h, w].
/// Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1 and the
///         gradients of section 3.
torch::Tensor batch_norm_relu(
    NormImpl& norm, const torch::Tensor& features, ReluCeiling ceiling
);

/// The norm alone, in the same way.
///
/// Shapes: [N, C, h, w] -> [N, C, h, w].
torch::Tensor batch_norm(NormImpl& norm, const torch::Tensor& features);

}  // namespace deeplab::nn
