// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Context.h>
#include <torch/types.h>

namespace deeplab::nn {

/// Returns true if `values` must be computed by operations that give the same
/// bits in every run: deterministic algorithms are requested, and the tensor is
/// on CUDA, whose default kernels add in an order that changes from run to run.
inline bool is_deterministic(const torch::Tensor& values) {
  return values.is_cuda() && at::globalContext().deterministicAlgorithms();
}

}  // namespace deeplab::nn
