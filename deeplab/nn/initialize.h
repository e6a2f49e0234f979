// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

namespace deeplab::nn {

/// Draws the initial weights for training from torch's global generator:
/// convolution weights are normal with variance 2 / fan-out, batch norms start
/// with weight 1 and bias 0, and all other biases are 0.
/// Source: He et al. 2015, arXiv:1502.01852; the same as torchvision's ResNet.
void initialize(torch::nn::Module& module);

/// Sets the `eps` of every batch norm in `module`, which is added to the
/// variance.
void set_batch_norm_eps(torch::nn::Module& module, double eps);

}  // namespace deeplab::nn
