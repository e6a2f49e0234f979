// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <torch/csrc/jit/api/module.h>
#include <torch/types.h>

#include "deeplab/model/deeplab.h"

namespace deeplab::model {

/// Traces `forward`, which calls the network, as the method forward() of a
/// TorchScript module. The module shares the network's parameters and buffers,
/// under the same names. It takes any batch size and any image size.
torch::jit::Module trace(
    const DeepLab& network,
    const std::function<torch::Tensor(const torch::Tensor& images)>& forward
);

}  // namespace deeplab::model
