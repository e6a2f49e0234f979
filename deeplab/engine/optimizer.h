// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "deeplab/engine/train_config.h"
#include "deeplab/weights/state_dict.h"

namespace deeplab::engine {

/// How one parameter is trained.
struct TrainedParameter {
  std::string name;
  torch::Tensor parameter;
  /// Factor on the learning rate.
  double rate = 1;
  double weight_decay = 0;
};

/// What TrainConfig's `head_multiplier`, `groups` and `weight_decay` make of a
/// network's parameters that train.
/// Throws: ConfigError for a group that no parameter belongs to.
std::vector<TrainedParameter> trained_parameters(
    const torch::nn::Module& network, const TrainConfig& config
);

/// SGD with momentum, Adam or AdamW, in PyTorch's form:
///
/// - sgd: v = momentum * v + g + decay * w; w -= rate * v, with Nesterov
///   w -= rate * (g + decay * w + momentum * v);
/// - adam: g + decay * w in the place of g;
/// - adamw: w *= 1 - rate * decay before Adam's step.
///
/// Unlike torch::optim it keeps its state under the parameters' names, so that
/// a checkpoint can hold it.
/// Source: Kingma and Ba 2014, arXiv:1412.6980; Loshchilov and Hutter 2017,
///         arXiv:1711.05101.
class Optimizer {
 public:
  Optimizer(
      std::vector<TrainedParameter> parameters, const TrainConfig& config
  );

  void zero_grad();
  /// Euclidean norm of all gradients together, on the CPU.
  double gradient_norm() const;
  /// Multiplies all gradients.
  void scale_gradients(double factor);
  /// Parameters without a gradient stay.
  void step(double learning_rate);

  /// Steps done, by which Adam corrects its means.
  int64_t updates() const noexcept { return updates_; }
  void set_updates(int64_t updates) { updates_ = updates; }

  /// Momentum (Adam: mean of gradients) by parameter name; not copied.
  weights::StateDict velocities() const { return named(velocities_); }
  /// Adam's mean of squared gradients; empty for SGD.
  weights::StateDict squares() const { return named(squares_); }
  const std::vector<TrainedParameter>& parameters() const noexcept {
    return parameters_;
  }

 private:
  enum class Kind { kSgd, kAdam, kAdamW };

  weights::StateDict named(const std::vector<torch::Tensor>& state) const;
  void sgd_step(size_t i, double rate);
  void adam_step(size_t i, double rate);

  std::vector<TrainedParameter> parameters_;
  Kind kind_;
  double momentum_;
  bool nesterov_;
  double beta1_;
  double beta2_;
  double epsilon_;
  std::vector<torch::Tensor> velocities_;
  std::vector<torch::Tensor> squares_;
  int64_t updates_ = 0;
};

}  // namespace deeplab::engine
