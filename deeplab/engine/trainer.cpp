// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/trainer.h"

#include <chrono>
#include <cmath>

#include <torch/nn/modules/batchnorm.h>
#include <torch/utils.h>

#include "deeplab/core/error.h"
#include "deeplab/core/random.h"
#include "deeplab/engine/batch_norm.h"
#include "deeplab/engine/loss.h"

namespace deeplab::engine {
namespace {

std::vector<SgdParameter> parameters_of(
    const model::DeepLabImpl& network, const TrainConfig& config
) {
  const std::string kBackbone = "backbone.";
  std::vector<SgdParameter> parameters;
  for (const auto& item : network.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    const bool head = item.key().compare(0, kBackbone.size(), kBackbone) != 0;
    const bool decays = item.value().dim() > 1;
    parameters.push_back(
        {item.key(),
         item.value(),
         head ? config.head_multiplier : 1,
         decays ? config.weight_decay : 0}
    );
  }
  return parameters;
}

void prepare(model::DeepLabImpl& network, const TrainConfig& config) {
  config.validate(network.num_classes());
  network.set_output_stride(
      to_output_stride(config.output_stride, "train.output_stride")
  );
  if (config.batch_norm == "frozen") freeze_batch_norm(network);
  for (const auto& module : network.modules()) {
    if (auto* norm = module->as<torch::nn::BatchNorm2dImpl>()) {
      norm->options.momentum(config.batch_norm_momentum);
    }
  }
}

torch::Tensor to_tensor(const std::vector<double>& weights) {
  if (weights.empty()) return {};
  return torch::tensor(weights, torch::kFloat32);
}

std::string join(const std::vector<std::string>& names) {
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

void restore_state(
    const weights::StateDict& into,
    const weights::StateDict& from,
    const char* what
) {
  torch::NoGradGuard no_grad;
  for (const auto& item : into) {
    const auto* found = from.find(item.key());
    if (found == nullptr || found->sizes() != item.value().sizes()) {
      throw DataError(
          str("the checkpoint's ",
              what,
              " of ",
              item.key(),
              found == nullptr ? " is missing" : " has another shape",
              "; resume with the config that wrote it")
      );
    }
    auto target = item.value();
    target.copy_(*found);
  }
}

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Trainer::Trainer(model::DeepLab network, const TrainConfig& config)
    : network_((prepare(*network, config), network)),
      config_(config),
      device_(network_->parameters().front().device()),
      class_weights_(to_tensor(config.class_weights)),
      sgd_(parameters_of(*network_, config), config.momentum) {
  if (class_weights_.defined()) class_weights_ = class_weights_.to(device_);
}

void Trainer::restore(const Checkpoint& checkpoint) {
  restore_state(weights::state_dict(*network_), checkpoint.network, "value");
  restore_state(sgd_.velocities(), checkpoint.velocities, "velocity");
  iteration_ = checkpoint.iteration;
  best_mean_iou_ = checkpoint.best_mean_iou;
  best_iteration_ = checkpoint.best_iteration;
}

void Trainer::run(const BatchSource& batches, const TrainHooks& hooks) {
  const auto due = [&](int64_t every) {
    return every > 0 && iteration_ % every == 0;
  };
  while (iteration_ < config_.iterations) {
    const auto start = Clock::now();
    const auto batch = batches(iteration_);
    const double data_seconds = seconds_since(start);
    auto report = step(batch);
    report.seconds = seconds_since(start);
    report.data_seconds = data_seconds;
    if (hooks.on_step) hooks.on_step(report);
    const bool last = iteration_ == config_.iterations;
    const bool validated = last || due(config_.validate_every);
    if (validated) validate_and_save(hooks, /*validate=*/true);
    const bool stop = hooks.should_stop && hooks.should_stop();
    if (!validated && (stop || due(config_.checkpoint_every))) {
      validate_and_save(hooks, /*validate=*/false);
    }
    if (stop) return;
  }
}

StepReport Trainer::step(const Batch& batch) {
  torch::manual_seed(mix_seed(
      {static_cast<uint64_t>(config_.seed), static_cast<uint64_t>(iteration_)}
  ));
  network_->train();
  if (config_.batch_norm == "frozen") freeze_batch_norm(*network_);
  // An evaluation in between may have used another stride.
  network_->set_output_stride(
      to_output_stride(config_.output_stride, "train.output_stride")
  );
  sgd_.zero_grad();
  const auto scores = network_->forward_with_sides(batch.images.to(device_));
  const auto labels = batch.labels.to(device_);
  auto loss = segmentation_loss(scores.logits, labels, class_weights_);
  for (const auto& side : scores.sides) {
    loss = loss +
           side.weight * segmentation_loss(side.logits, labels, class_weights_);
  }
  const auto value = loss.item<double>();
  if (!std::isfinite(value)) {
    throw Error(
        str("the loss is ",
            value,
            " at iteration ",
            iteration_ + 1,
            "; lower train.learning_rate, or look at the batch: ",
            join(batch.names))
    );
  }
  loss.backward();
  const double rate = poly_learning_rate(config_, iteration_);
  sgd_.step(rate);
  ++iteration_;
  return {iteration_, value, rate};
}

void Trainer::validate_and_save(const TrainHooks& hooks, bool validate) {
  check_finite();
  bool is_best = false;
  if (validate && hooks.validate) {
    const double score = hooks.validate(iteration_);
    is_best = score > best_mean_iou_;
    if (is_best) {
      best_mean_iou_ = score;
      best_iteration_ = iteration_;
    }
  }
  if (hooks.save) hooks.save(checkpoint(), is_best);
}

void Trainer::check_finite() const {
  for (const auto& item : network_->named_parameters()) {
    if (item.value().isfinite().all().item<bool>()) continue;
    throw Error(
        str(item.key(),
            " is not finite after iteration ",
            iteration_,
            "; the checkpoint before it is left as it was; lower "
            "train.learning_rate")
    );
  }
}

Checkpoint Trainer::checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.iteration = iteration_;
  checkpoint.best_mean_iou = best_mean_iou_;
  checkpoint.best_iteration = best_iteration_;
  checkpoint.network = weights::state_dict(*network_);
  checkpoint.velocities = sgd_.velocities();
  return checkpoint;
}

}  // namespace deeplab::engine
