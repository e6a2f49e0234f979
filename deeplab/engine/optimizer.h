// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "deeplab/core/names.h"
#include "deeplab/engine/train_config.h"
#include "deeplab/weights/state_dict.h"

namespace deeplab::engine {

/// A parameter with its learning-rate factor and weight decay.
struct TrainedParameter {
  std::string name;
  torch::Tensor parameter;
  /// Factor on the learning rate.
  double rate = 1;
  double weight_decay = 0;
};

/// Returns the trainable parameters of a network with their learning-rate
/// factors and weight decays, as set by TrainConfig's `head_multiplier`,
/// `groups`, `weight_decay` and `depthwise_decay`.
/// Throws: ConfigError if a group matches no parameter.
std::vector<TrainedParameter> trained_parameters(
    const torch::nn::Module& network, const TrainConfig& config
);

/// SGD with momentum, Adam or AdamW, in PyTorch's form:
///
/// - sgd: v = momentum * v + g + decay * w; w -= rate * v, with Nesterov
///   w -= rate * (g + decay * w + momentum * v);
/// - adam: uses g + decay * w instead of g;
/// - adamw: w *= 1 - rate * decay before Adam's step.
///
/// Unlike torch::optim, it stores its state by parameter name, so that a
/// checkpoint can contain it.
/// Source: Kingma and Ba 2014, arXiv:1412.6980; Loshchilov and Hutter 2017,
///         arXiv:1711.05101.
class Optimizer {
 public:
  enum class Kind { kSgd, kAdam, kAdamW };
  /// The tensors of one parameter, or equal pieces of them.
  struct Update {
    torch::Tensor parameter;
    torch::Tensor gradient;
    torch::Tensor velocity;
    /// Undefined for SGD.
    torch::Tensor square;
  };

  Optimizer(
      std::vector<TrainedParameter> parameters, const TrainConfig& config
  );

  void zero_grad();
  /// Returns the Euclidean norm of all gradients together.
  double gradient_norm() const;
  /// Multiplies all gradients by `factor`.
  void scale_gradients(double factor);
  /// Updates all parameters that have a gradient.
  void step(double learning_rate);

  /// Returns the number of steps done, which Adam's bias correction uses.
  int64_t updates() const noexcept { return updates_; }
  void set_updates(int64_t updates) { updates_ = updates; }

  /// Returns the momentum (for Adam, the mean of gradients) by parameter name.
  /// The tensors are not copied.
  weights::StateDict velocities() const { return named(velocities_); }
  /// Returns Adam's mean of squared gradients; empty for SGD.
  weights::StateDict squares() const { return named(squares_); }
  const std::vector<TrainedParameter>& parameters() const noexcept {
    return parameters_;
  }

 private:
  weights::StateDict named(const std::vector<torch::Tensor>& state) const;
  void sgd_step(const Update& update, double rate, double decay) const;
  void adam_step(const Update& update, double rate, double decay) const;

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

/// Returns the optimizers with a one-line description of each.
std::vector<NamedUse> optimizer_uses();

}  // namespace deeplab::engine
