// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include <torch/custom_class.h>

#include "deeplab/nn/norm.h"

namespace deeplab::nn {

/// Wraps an all-reduce so that autograd can keep it from forward to backward.
struct AllReduceHolder : torch::CustomClassHolder {
  explicit AllReduceHolder(AllReduce function) : sum(std::move(function)) {}
  AllReduce sum;
};

}  // namespace deeplab::nn
