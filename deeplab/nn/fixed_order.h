// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Context.h>
#include <torch/types.h>

namespace deeplab::nn {

/// Whether results are to be the same bits each time where torch's own kernels
/// (CUDA's) add up in no fixed order.
inline bool needs_fixed_order(const torch::Tensor& values) {
  return values.is_cuda() && at::globalContext().deterministicAlgorithms();
}

}  // namespace deeplab::nn
