// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/batch_norm.h"

#include <torch/nn/modules/batchnorm.h>

namespace deeplab::engine {

void freeze_batch_norm(torch::nn::Module& module) {
  for (const auto& child : module.modules()) {
    if (auto* norm = child->as<torch::nn::BatchNorm2dImpl>()) {
      norm->eval();
      norm->weight.set_requires_grad(false);
      norm->bias.set_requires_grad(false);
    }
  }
}

}  // namespace deeplab::engine
