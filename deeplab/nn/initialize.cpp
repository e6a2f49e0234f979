// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/initialize.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>

#include "deeplab/nn/norm.h"

namespace deeplab::nn {

void initialize(torch::nn::Module& module) {
  for (const auto& child : module.modules(/*include_self=*/false)) {
    if (auto* conv = child->as<torch::nn::Conv2dImpl>()) {
      torch::nn::init::kaiming_normal_(
          conv->weight, 0, torch::kFanOut, torch::kReLU
      );
      if (conv->bias.defined()) torch::nn::init::zeros_(conv->bias);
    } else if (auto* norm = child->as<NormImpl>()) {
      norm->reset_parameters();
    }
  }
}

void set_batch_norm_eps(torch::nn::Module& module, double eps) {
  for (const auto& child : module.modules(/*include_self=*/false)) {
    if (auto* norm = child->as<NormImpl>()) {
      norm->options.eps(eps);
    }
  }
}

}  // namespace deeplab::nn
