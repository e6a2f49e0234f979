// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <ATen/Parallel.h>
#include <fmt/core.h>

#include "deeplab/core/error.h"

namespace deeplab::engine {
namespace {

bool begins_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

bool is_bias(const std::string& name) {
  const std::string ending = ".bias";
  return name.size() > ending.size() &&
         name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
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

/// Calls `update` with pieces that stay in the cache from one operation to the
/// next, where the tensors can be cut into such: on a CPU, this takes less than
/// half the time.
template <class Function>
void for_pieces(const Optimizer::Update& whole, const Function& update) {
  constexpr int64_t kPiece = int64_t{1} << 15;
  const auto& [parameter, gradient, velocity, square] = whole;
  const bool can_be_cut = parameter.is_cpu() &&
                          parameter.is_non_overlapping_and_dense() &&
                          gradient.strides() == parameter.strides() &&
                          velocity.strides() == parameter.strides();
  const int64_t count = parameter.numel();
  if (!can_be_cut || count <= kPiece) return update(whole);
  const auto flat = [count](const torch::Tensor& tensor) {
    return tensor.defined() ? tensor.as_strided({count}, {1}) : tensor;
  };
  const std::array flats{
      flat(parameter), flat(gradient), flat(velocity), flat(square)};
  at::parallel_for(0, count, kPiece, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin; first < end; first += kPiece) {
      const auto cut = [&](const torch::Tensor& tensor) {
        return tensor.defined()
                   ? tensor.slice(0, first, std::min(first + kPiece, end))
                   : tensor;
      };
      update({cut(flats[0]), cut(flats[1]), cut(flats[2]), cut(flats[3])});
    }
  });
}

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
    const auto& entry = parameters_[i];
    if (!entry.parameter.grad().defined()) continue;
    const Update whole{
        entry.parameter.detach(), entry.parameter.grad(), velocities_[i],
        kind_ == Kind::kSgd ? torch::Tensor() : squares_[i]};
    const double rate = learning_rate * entry.rate;
    for_pieces(whole, [&](const Update& piece) {
      if (kind_ == Kind::kSgd) {
        sgd_step(piece, rate, entry.weight_decay);
      } else {
        adam_step(piece, rate, entry.weight_decay);
      }
    });
  }
}

void Optimizer::sgd_step(const Update& update, double rate, double decay)
    const {
  const auto& [parameter, gradient, velocity, unused] = update;
  velocity.mul_(momentum_).add_(gradient);
  if (decay != 0) velocity.add_(parameter, decay);
  if (nesterov_) {
    auto ahead = gradient.add(velocity, momentum_);
    if (decay != 0) ahead.add_(parameter, decay);
    parameter.add_(ahead, -rate);
  } else {
    parameter.add_(velocity, -rate);
  }
}

void Optimizer::adam_step(const Update& update, double rate, double decay)
    const {
  const auto& [parameter, raw_gradient, mean, square] = update;
  auto gradient = raw_gradient;
  if (kind_ == Kind::kAdamW) {
    parameter.mul_(1 - rate * decay);
  } else if (decay != 0) {
    gradient = gradient.add(parameter, decay);
  }
  mean.mul_(beta1_).add_(gradient, 1 - beta1_);
  square.mul_(beta2_).addcmul_(gradient, gradient, 1 - beta2_);
  const auto steps = static_cast<double>(updates_);
  const double mean_share = 1 - std::pow(beta1_, steps);
  const double square_share = 1 - std::pow(beta2_, steps);
  const auto spread = (square.sqrt() / std::sqrt(square_share)).add_(epsilon_);
  parameter.addcdiv_(mean, spread, -rate / mean_share);
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
