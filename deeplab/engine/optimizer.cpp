// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/optimizer.h"

#include <array>
#include <cmath>

#include <fmt/core.h>

#include "deeplab/core/error.h"

namespace deeplab::engine {
namespace {

bool begins_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

bool is_bias(const std::string& name) {
  const std::string kBias = ".bias";
  return name.size() > kBias.size() &&
         name.compare(name.size() - kBias.size(), kBias.size(), kBias) == 0;
}

/// Returns true for the weight of a depthwise convolution. No other convolution
/// has a single input channel, because networks read RGB images.
bool is_depthwise(const torch::Tensor& weight) {
  return weight.dim() == 4 && weight.size(1) == 1;
}

struct OptimizerEntry {
  const char* name;
  Optimizer::Kind kind;
  const char* about;
};
constexpr std::array kOptimizers{
    OptimizerEntry{
        "sgd", Optimizer::Kind::kSgd,
        "stochastic gradient descent with momentum"},
    OptimizerEntry{"adam", Optimizer::Kind::kAdam, "Adam (Kingma and Ba 2014)"},
    OptimizerEntry{
        "adamw", Optimizer::Kind::kAdamW,
        "Adam with decoupled weight decay (Loshchilov and Hutter 2017)"},
};

}  // namespace

Rule known_optimizers() { return one_of(names_of(kOptimizers)); }

std::vector<NamedUse> optimizer_uses() { return uses_of(kOptimizers); }

std::vector<TrainedParameter> trained_parameters(
    const torch::nn::Module& network, const TrainConfig& config
) {
  std::vector<TrainedParameter> parameters;
  std::vector<bool> used(config.groups.size(), false);
  for (const auto& item : network.named_parameters()) {
    const auto& name = item.key();
    const auto& weight = item.value();
    const bool decays =
        weight.dim() > 1 && (config.depthwise_decay || !is_depthwise(weight));
    TrainedParameter entry{
        name, weight,
        begins_with(name, "backbone.") ? 1 : config.head_multiplier,
        decays ? config.weight_decay : 0};
    for (size_t i = 0; i < config.groups.size(); ++i) {
      const auto& group = config.groups[i];
      if (!begins_with(name, group.prefix)) continue;
      used[i] = true;
      entry.rate =
          is_bias(name) ? group.bias_rate.value_or(group.rate) : group.rate;
      if (decays) {
        entry.weight_decay = group.weight_decay.value_or(entry.weight_decay);
      }
      break;
    }
    if (weight.requires_grad()) parameters.push_back(entry);
  }
  for (size_t i = 0; i < used.size(); ++i) {
    if (used[i]) continue;
    throw ConfigError(fmt::format(
        "train.groups[{}].prefix is \"{}\"; no parameter's name begins with it, or earlier groups match them all; deeplab describe lists the modules",
        i, config.groups[i].prefix
    ));
  }
  return parameters;
}

Optimizer::Optimizer(
    std::vector<TrainedParameter> parameters, const TrainConfig& config
)
    : parameters_(std::move(parameters)),
      kind_(find_named(kOptimizers, "train.optimizer", config.optimizer).kind),
      momentum_(config.momentum),
      nesterov_(config.nesterov),
      beta1_(config.beta1),
      beta2_(config.beta2),
      epsilon_(config.adam_epsilon) {
  for (const auto& entry : parameters_) {
    velocities_.push_back(torch::zeros_like(entry.parameter));
    if (kind_ == Kind::kSgd) continue;
    squares_.push_back(torch::zeros_like(entry.parameter));
  }
}

void Optimizer::zero_grad() {
  for (auto& entry : parameters_) entry.parameter.mutable_grad().reset();
}

double Optimizer::gradient_norm() const {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> norms;
  for (const auto& entry : parameters_) {
    if (entry.parameter.grad().defined()) {
      norms.push_back(entry.parameter.grad().norm());
    }
  }
  return norms.empty() ? 0 : torch::stack(norms).norm().item<double>();
}

void Optimizer::scale_gradients(double factor) {
  torch::NoGradGuard no_grad;
  for (auto& entry : parameters_) {
    if (entry.parameter.grad().defined()) {
      entry.parameter.mutable_grad().mul_(factor);
    }
  }
}

void Optimizer::step(double learning_rate) {
  torch::NoGradGuard no_grad;
  ++updates_;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].parameter.grad().defined()) continue;
    const double rate = learning_rate * parameters_[i].rate;
    if (kind_ == Kind::kSgd) {
      sgd_step(i, rate);
    } else {
      adam_step(i, rate);
    }
  }
}

void Optimizer::sgd_step(size_t i, double rate) {
  auto& entry = parameters_[i];
  auto& velocity = velocities_[i];
  velocity.mul_(momentum_).add_(entry.parameter.grad());
  if (entry.weight_decay != 0) {
    velocity.add_(entry.parameter, entry.weight_decay);
  }
  if (nesterov_) {
    auto ahead = entry.parameter.grad().add(velocity, momentum_);
    if (entry.weight_decay != 0) {
      ahead.add_(entry.parameter, entry.weight_decay);
    }
    entry.parameter.add_(ahead, -rate);
  } else {
    entry.parameter.add_(velocity, -rate);
  }
}

void Optimizer::adam_step(size_t i, double rate) {
  auto& entry = parameters_[i];
  auto gradient = entry.parameter.grad();
  if (kind_ == Kind::kAdamW) {
    entry.parameter.mul_(1 - rate * entry.weight_decay);
  } else if (entry.weight_decay != 0) {
    gradient = gradient.add(entry.parameter, entry.weight_decay);
  }
  velocities_[i].mul_(beta1_).add_(gradient, 1 - beta1_);
  squares_[i].mul_(beta2_).addcmul_(gradient, gradient, 1 - beta2_);
  const auto steps = static_cast<double>(updates_);
  const double mean_share = 1 - std::pow(beta1_, steps);
  const double square_share = 1 - std::pow(beta2_, steps);
  const auto spread =
      (squares_[i].sqrt() / std::sqrt(square_share)).add_(epsilon_);
  entry.parameter.addcdiv_(velocities_[i], spread, -rate / mean_share);
}

weights::StateDict Optimizer::named(const std::vector<torch::Tensor>& state
) const {
  weights::StateDict named;
  for (size_t i = 0; i < state.size(); ++i) {
    named.insert(parameters_[i].name, state[i]);
  }
  return named;
}

}  // namespace deeplab::engine
