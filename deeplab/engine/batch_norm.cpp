// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/batch_norm.h"

#include "deeplab/nn/norm.h"

namespace deeplab::engine {

void freeze_batch_norm(torch::nn::Module& module) {
  for (const auto& child : module.modules()) {
    auto* norm = child->as<nn::NormImpl>();
    if (norm == nullptr || norm->is_group_norm()) continue;
    norm->eval();
    norm->weight.set_requires_grad(false);
    norm->bias.set_requires_grad(false);
  }
}

bool has_batch_norm(const torch::nn::Module& module) {
  for (const auto& child : module.modules(/*include_self=*/false)) {
    const auto* norm = child->as<nn::NormImpl>();
    if (norm != nullptr && !norm->is_group_norm()) return true;
  }
  return false;
}

}  // namespace deeplab::engine
