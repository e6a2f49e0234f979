// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <torch/autograd.h>
#include <torch/nn/module.h>

namespace deeplab::nn {

/// A part of a network as a function of one map.
using PartForward =
    std::function<torch::autograd::variable_list(const torch::Tensor&)>;

/// Runs a part of a network without keeping the maps inside it: backward runs
/// it once more to have them. Gradients and running statistics are those of
/// running it plainly. The part must not draw random numbers.
///
/// `part` owns the parameters, and must live until backward.
/// Source: Chen et al. 2016, arXiv:1604.06174.
torch::autograd::variable_list recompute(
    torch::nn::Module& part, PartForward forward, const torch::Tensor& features
);

}  // namespace deeplab::nn
