// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

namespace deeplab::nn {

/// Draws the weights that training starts from, out of torch's global
/// generator: convolutions normal with variance 2 / fan-out, batch norms 1 and
/// 0, biases 0.
/// Source: He et al. 2015, arXiv:1502.01852; as torchvision's ResNet.
void initialize(torch::nn::Module& module);

/// Sets what every batch norm adds to its variance.
void set_batch_norm_eps(torch::nn::Module& module, double eps);

}  // namespace deeplab::nn
