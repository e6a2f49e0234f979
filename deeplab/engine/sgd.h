// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "deeplab/weights/state_dict.h"

namespace deeplab::engine {

/// How one parameter is trained.
struct SgdParameter {
  std::string name;
  torch::Tensor parameter;
  /// Factor on the learning rate.
  double rate = 1;
  double weight_decay = 0;
};

/// Stochastic gradient descent with momentum, in PyTorch's form: the velocity
/// is v = momentum * v + gradient + weight_decay * w, and w -= rate * v. Unlike
/// torch::optim::SGD it keeps its velocities under the parameters' names, so
/// that a checkpoint can hold them.
class Sgd {
 public:
  Sgd(std::vector<SgdParameter> parameters, double momentum);

  void zero_grad();
  void step(double learning_rate);

  /// The velocities, by parameter name; not copied.
  weights::StateDict velocities() const;

 private:
  std::vector<SgdParameter> parameters_;
  std::vector<torch::Tensor> velocities_;
  double momentum_;
};

}  // namespace deeplab::engine
