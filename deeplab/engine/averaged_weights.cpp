// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/averaged_weights.h"

#include <algorithm>

namespace deeplab::engine {

AveragedWeights::AveragedWeights(const torch::nn::Module& network, double decay)
    : network_(weights::state_dict(network)), decay_(decay) {
  for (const auto& item : network_) {
    averages_.insert(item.key(), item.value().detach().clone());
  }
}

void AveragedWeights::update(int64_t iteration) {
  torch::NoGradGuard no_grad;
  const auto steps = static_cast<double>(iteration);
  const double kept = std::min(decay_, (1 + steps) / (10 + steps));
  for (const auto& item : network_) {
    auto& average = averages_[item.key()];
    if (average.is_floating_point()) {
      average.lerp_(item.value(), 1 - kept);
    } else {
      average.copy_(item.value());
    }
  }
}

void AveragedWeights::swap() {
  torch::NoGradGuard no_grad;
  for (const auto& item : network_) {
    auto live = item.value();
    auto& average = averages_[item.key()];
    const auto kept = live.clone();
    live.copy_(average);
    average.copy_(kept);
  }
}

}  // namespace deeplab::engine
