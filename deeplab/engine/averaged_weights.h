// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include "deeplab/weights/state_dict.h"

namespace deeplab::engine {

/// Exponential moving average of a network's parameters and buffers over steps.
/// Integer buffers (counters) are copied from the network.
/// Source: Polyak and Juditsky 1992; the warm-up is that of TensorFlow's
///         ExponentialMovingAverage with num_updates.
class AveragedWeights {
 public:
  /// Starts with the current values of the network. `decay` is in [0, 1).
  AveragedWeights(const torch::nn::Module& network, double decay);

  /// Adds the network to the average after step `iteration`, counted from 0.
  /// The weight of the old average is min(decay, (1 + iteration) / (10 +
  /// iteration)).
  void update(int64_t iteration);

  /// Exchanges the values of the average and the network. A second call
  /// restores both.
  void swap();

  /// Returns the averages by name. The tensors are shared, not copied.
  const weights::StateDict& averages() const noexcept { return averages_; }

 private:
  weights::StateDict network_;
  weights::StateDict averages_;
  double decay_;
};

}  // namespace deeplab::engine
