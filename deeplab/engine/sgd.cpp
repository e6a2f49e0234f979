// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/sgd.h"

namespace deeplab::engine {

Sgd::Sgd(std::vector<SgdParameter> parameters, double momentum)
    : parameters_(std::move(parameters)), momentum_(momentum) {
  for (const auto& entry : parameters_) {
    velocities_.push_back(torch::zeros_like(entry.parameter));
  }
}

void Sgd::zero_grad() {
  for (auto& entry : parameters_) entry.parameter.mutable_grad().reset();
}

void Sgd::step(double learning_rate) {
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    auto& entry = parameters_[i];
    if (!entry.parameter.grad().defined()) continue;
    auto& velocity = velocities_[i];
    velocity.mul_(momentum_).add_(entry.parameter.grad());
    if (entry.weight_decay != 0) {
      velocity.add_(entry.parameter, entry.weight_decay);
    }
    entry.parameter.add_(velocity, -learning_rate * entry.rate);
  }
}

weights::StateDict Sgd::velocities() const {
  weights::StateDict named;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    named.insert(parameters_[i].name, velocities_[i]);
  }
  return named;
}

}  // namespace deeplab::engine
