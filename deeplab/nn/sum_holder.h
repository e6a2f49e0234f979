// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include <torch/custom_class.h>

#include "deeplab/nn/norm.h"

namespace deeplab::nn {

/// A sum over processes as autograd keeps it from forward to backward.
struct SumHolder : torch::CustomClassHolder {
  explicit SumHolder(SumOverProcesses function) : sum(std::move(function)) {}
  SumOverProcesses sum;
};

}  // namespace deeplab::nn
