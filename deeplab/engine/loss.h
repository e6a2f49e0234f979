// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace deeplab::engine {

/// Cross-entropy averaged over the pixels that are not void (weighted by their
/// class, where weights are given). A batch of only void pixels costs 0.
///
/// Shapes: logits float [N, K, H, W], labels int64 [N, H, W] in 0..K-1 or
///         kVoid, class_weights float [K] or undefined -> scalar.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 4.1 (full-size labels).
torch::Tensor segmentation_loss(
    const torch::Tensor& logits,
    const torch::Tensor& labels,
    const torch::Tensor& class_weights
);

}  // namespace deeplab::engine
