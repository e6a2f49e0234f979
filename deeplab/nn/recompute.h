// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <torch/autograd.h>
#include <torch/nn/module.h>

namespace deeplab::nn {

/// The forward function of a part of a network, from one feature map to its
/// outputs.
using PartForward =
    std::function<torch::autograd::variable_list(const torch::Tensor&)>;

/// Gradient checkpointing: runs a part of a network without storing its
/// intermediate feature maps; backward runs the part a second time to compute
/// them again. Gradients and running statistics are the same as without
/// recomputation. The part must not draw random numbers.
///
/// `part` owns the parameters and must live until backward has run.
/// Source: Chen et al. 2016, arXiv:1604.06174.
torch::autograd::variable_list recompute(
    torch::nn::Module& part, PartForward forward, const torch::Tensor& features
);

}  // namespace deeplab::nn
