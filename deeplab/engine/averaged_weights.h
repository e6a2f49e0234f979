// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include "deeplab/weights/state_dict.h"

namespace deeplab::engine {

/// Exponential mean of a network's parameters and buffers over steps. Counters
/// are the network's own.
/// Source: Polyak and Juditsky 1992; the warm-up is that of TensorFlow's
///         ExponentialMovingAverage with num_updates.
class AveragedWeights {
 public:
  /// Begins with the network as it is. `decay` in [0, 1).
  AveragedWeights(const torch::nn::Module& network, double decay);

  /// After step number `iteration`, from 0: keeps
  /// min(decay, (1 + iteration) / (10 + iteration)) of the old average.
  void update(int64_t iteration);

  /// Exchanges averages and network; calling it again undoes it.
  void swap();

  /// By name; not copied.
  const weights::StateDict& averages() const noexcept { return averages_; }

 private:
  weights::StateDict network_;
  weights::StateDict averages_;
  double decay_;
};

}  // namespace deeplab::engine
