// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "deeplab/engine/loss_config.h"

namespace deeplab::engine {

/// Losses that compare the predicted and the true region of each class.
/// loss_table.cpp lists them.
///
/// Shapes: probabilities [P, K] and int64 labels [P] of the P >= 1 pixels that
/// are not void -> scalar: the mean over the classes that occur in the labels.
torch::Tensor dice_loss(
    const LossConfig& config,
    const torch::Tensor& probabilities,
    const torch::Tensor& labels
);
torch::Tensor jaccard_loss(
    const LossConfig& config,
    const torch::Tensor& probabilities,
    const torch::Tensor& labels
);
/// Source: Salehi et al. 2017, arXiv:1706.05721, equation 3.
torch::Tensor tversky_loss(
    const LossConfig& config,
    const torch::Tensor& probabilities,
    const torch::Tensor& labels
);
/// Source: Berman et al. 2018, arXiv:1705.08790, algorithm 1 and section 3.1
/// (Lovasz-softmax).
torch::Tensor lovasz_loss(
    const LossConfig& config,
    const torch::Tensor& probabilities,
    const torch::Tensor& labels
);

}  // namespace deeplab::engine
