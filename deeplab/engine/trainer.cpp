// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/trainer.h"

#include <chrono>
#include <cmath>

#include <fmt/core.h>
#include <torch/utils.h>

#include "deeplab/core/error.h"
#include "deeplab/core/names.h"
#include "deeplab/core/random.h"
#include "deeplab/engine/batch_norm.h"
#include "deeplab/engine/schedule.h"
#include "deeplab/nn/autocast.h"
#include "deeplab/nn/norm.h"

namespace deeplab::engine {
namespace {

/// Returns labels that are void except where features look. If these look
/// between two pixels, the nearest one keeps its label.
torch::Tensor labels_at(
    const torch::Tensor& labels, const nn::FeatureGrid& grid
) {
  const auto is_seen = [&](int64_t axis) {
    const int64_t side = labels.size(axis);
    auto seen = torch::zeros({side}, torch::kBool);
    seen.slice(0, std::lround(grid.first), side, std::lround(grid.step))
        .fill_(true);
    return seen.to(labels.device());
  };
  const auto seen = is_seen(1).unsqueeze(1).logical_and(is_seen(2));
  return labels.masked_fill(seen.logical_not(), kVoid);
}

void check_labels_at_stride(
    const model::DeepLabImpl& network, const TrainConfig& config
) {
  if (!config.labels_at_stride) return;
  const auto& alignment = network.config().alignment;
  if (alignment != "centres") {
    throw ConfigError(fmt::format(
        "train.labels_at_stride is true, but model.alignment is \"{}\"; it must be \"centres\", which draws each score at the pixel whose label it gets",
        alignment
    ));
  }
  for (const auto& term : config.loss) {
    if (term.boundary_weight == 0) continue;
    throw ConfigError(
        "train.labels_at_stride is true, but train.loss has a boundary_weight; with labels of single pixels, every pixel is a boundary; leave one of the two out"
    );
  }
}

void prepare(
    model::DeepLabImpl& network,
    const TrainConfig& config,
    const TrainContext& context
) {
  config.validate(network.num_classes(), has_batch_norm(network));
  if (context.processes) {
    config.validate_processes(
        context.processes->size(), has_batch_norm(network)
    );
  }
  network.set_output_stride(
      to_output_stride(config.output_stride, "train.output_stride")
  );
  check_labels_at_stride(network, config);
  network.set_recompute(config.recompute);
  if (config.batch_norm == "frozen") freeze_batch_norm(network);
  for (const auto& module : network.modules()) {
    if (auto* norm = module->as<nn::NormImpl>()) {
      norm->options.momentum(config.batch_norm_momentum);
    }
  }
}

std::optional<torch::ScalarType> precision_of(
    const TrainConfig& config, torch::Device device
) {
  if (config.precision == "float32") return std::nullopt;
  if (config.precision == "bfloat16") return torch::kBFloat16;
  if (device.is_cuda()) return torch::kFloat16;
  throw ConfigError(
      "train.precision is \"float16\", which needs a CUDA device; use \"bfloat16\""
  );
}

/// Size of the buckets in which gradients are summed: large enough that the
/// cost of a message is small, small enough that the first sum starts early.
constexpr int64_t kBucketBytes = 4 << 20;

/// Puts the averages in the network's place for the duration of a scope.
class SwappedIn {
 public:
  explicit SwappedIn(std::optional<AveragedWeights>& averages)
      : averages_(averages) {
    if (averages_) averages_->swap();
  }
  SwappedIn(const SwappedIn&) = delete;
  SwappedIn& operator=(const SwappedIn&) = delete;
  ~SwappedIn() {
    if (averages_) averages_->swap();
  }

 private:
  std::optional<AveragedWeights>& averages_;
};

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Trainer::Trainer(
    model::DeepLab network, const TrainConfig& config, TrainContext context
)
    : network_((prepare(*network, config, context), network)),
      config_(config),
      context_(std::move(context)),
      device_(network_->parameters().front().device()),
      precision_(precision_of(config, device_)),
      optimizer_(trained_parameters(*network_, config), config) {
  nn::AllReduce sum;
  if (context_.processes) {
    context_.processes->use_device(device_);
    sum = [group = context_.processes](torch::Tensor& values) {
      group->sum(values);
    };
    gradients_ = std::make_unique<GradientSum>(
        optimizer_.parameters(), context_.processes, kBucketBytes
    );
    share_state();
  }
  loss_.emplace(config, network_->parameters().front(), sum);
  nn::set_norm_sum(
      *network_, config.batch_norm == "sync" ? sum : nn::AllReduce()
  );
  if (config.ema_decay) averages_.emplace(*network_, *config.ema_decay);
}

void Trainer::share_state() {
  const auto share = [this](const weights::StateDict& tensors) {
    for (const auto& item : tensors) {
      auto value = item.value();
      context_.processes->broadcast(value);
    }
  };
  share(weights::state_dict(*network_));
  if (averages_) share(averages_->averages());
}

void Trainer::restore(const Checkpoint& checkpoint) {
  restore_state(weights::state_dict(*network_), checkpoint.network, "value");
  restore_state(optimizer_.velocities(), checkpoint.velocities, "velocity");
  restore_state(optimizer_.squares(), checkpoint.squares, "mean square");
  optimizer_.set_updates(checkpoint.updates);
  if (averages_) {
    restore_state(averages_->averages(), checkpoint.averages, "average");
  }
  if (checkpoint.loss_scale > 0) {
    scale_.restore(checkpoint.loss_scale, checkpoint.steps_at_scale);
  }
  iteration_ = checkpoint.iteration;
  best_mean_iou_ = checkpoint.best_mean_iou;
  best_iteration_ = checkpoint.best_iteration;
  awaits_validation_ = checkpoint.awaits_validation;
}

bool Trainer::run(const BatchSource& batches, const TrainHooks& hooks) {
  const auto due = [&](int64_t every) {
    return every > 0 && iteration_ % every == 0;
  };
  const auto validates = [&] {
    return iteration_ == config_.iterations || due(config_.validate_every);
  };
  if (awaits_validation_ && validates() && !validate(hooks)) return false;
  while (iteration_ < config_.iterations) {
    const auto start = Clock::now();
    const auto batch = batches(iteration_);
    const double data_seconds = seconds_since(start);
    auto report = step(batch);
    report.seconds = seconds_since(start);
    report.data_seconds = data_seconds;
    if (hooks.on_step) hooks.on_step(report);
    const bool saves = validates() || due(config_.checkpoint_every);
    awaits_validation_ = validates() && hooks.validate;
    if (saves) save(hooks, /*is_best=*/false);
    if (awaits_validation_ && !validate(hooks)) return false;
    if (!stops(hooks)) continue;
    if (!saves) save(hooks, /*is_best=*/false);
    break;
  }
  return iteration_ == config_.iterations;
}

bool Trainer::stops(const TrainHooks& hooks) {
  const bool stop = hooks.should_stop && hooks.should_stop();
  if (!context_.processes) return stop;
  return context_.processes->sum(stop ? 1.0 : 0.0) > 0;
}

StepReport Trainer::step(const Batch& batch) {
  const auto rank = static_cast<uint64_t>(
      context_.processes ? context_.processes->rank() : 0
  );
  const auto seed = mix_seed(
      {static_cast<uint64_t>(config_.seed), static_cast<uint64_t>(iteration_)}
  );
  torch::manual_seed(rank == 0 ? seed : mix_seed({seed, rank}));
  network_->train();
  if (config_.batch_norm == "frozen") freeze_batch_norm(*network_);
  // An evaluation in between may have changed the output stride.
  network_->set_output_stride(
      to_output_stride(config_.output_stride, "train.output_stride")
  );
  StepReport report;
  report.loss = backward(batch);
  report.learning_rate = learning_rate(config_, iteration_);
  report.skipped = !update(report);
  if (averages_ && !report.skipped) averages_->update(iteration_);
  report.iteration = ++iteration_;
  return report;
}

double Trainer::backward(const Batch& batch) {
  optimizer_.zero_grad();
  const auto images = batch.images.to(device_);
  auto labels = batch.labels.to(device_);
  if (config_.labels_at_stride) {
    labels = labels_at(labels, network_->score_grid());
  }
  const int64_t processes = context_.processes ? context_.processes->size() : 1;
  const int64_t pieces = config_.accumulate;
  loss_->begin(
      labels, iteration_, 1.0 / static_cast<double>(pieces * processes)
  );
  double value = 0;
  for (int64_t i = 0; i < pieces; ++i) {
    const auto piece_of = [&](const torch::Tensor& whole) {
      const int64_t size = whole.size(0) / pieces;
      return pieces == 1 ? whole : whole.narrow(0, i * size, size);
    };
    auto loss = loss_of(piece_of(images), piece_of(labels));
    value += finite_loss(loss, batch);
    if (gradients_ && i + 1 == pieces) gradients_->begin();
    if (precision_ == torch::kFloat16) loss = loss * scale_.factor();
    loss.backward();
  }
  if (gradients_) gradients_->finish();
  return value;
}

torch::Tensor Trainer::loss_of(
    const torch::Tensor& images, const torch::Tensor& labels
) {
  model::TrainingScores scores;
  {
    const nn::Autocast autocast(device_, precision_);
    scores = network_->forward_with_sides(images);
  }
  const auto teacher =
      config_.teacher ? context_.teacher(images) : torch::Tensor();
  return (*loss_)(scores, labels, teacher);
}

double Trainer::finite_loss(const torch::Tensor& loss, const Batch& batch) {
  auto value = loss.item<double>();
  const bool own = std::isfinite(value);
  if (context_.processes) value = context_.processes->sum(value);
  if (std::isfinite(value)) return value;
  throw Error(fmt::format(
      "the loss is {} at iteration {}; lower train.learning_rate, or check the images of this batch: {}",
      std::abs(value), iteration_ + 1,
      own ? "in another process" : list_names(batch.names)
  ));
}

bool Trainer::update(StepReport& report) {
  if (precision_ == torch::kFloat16) {
    optimizer_.scale_gradients(1 / scale_.factor());
    if (!scale_.update(std::isfinite(optimizer_.gradient_norm()))) return false;
  }
  if (config_.clip_gradient_norm) {
    constexpr double kTiny = 1e-6;
    report.gradient_norm = optimizer_.gradient_norm();
    const double factor =
        *config_.clip_gradient_norm / (*report.gradient_norm + kTiny);
    if (factor < 1) optimizer_.scale_gradients(factor);
  }
  optimizer_.step(report.learning_rate);
  return true;
}

bool Trainer::validate(const TrainHooks& hooks) {
  // Running statistics may differ between processes.
  if (context_.processes) share_state();
  const auto score = [&] {
    const SwappedIn averages(averages_);
    return hooks.validate(iteration_);
  }();
  if (!score) return false;
  awaits_validation_ = false;
  const bool is_best = *score > best_mean_iou_;
  if (is_best) {
    best_mean_iou_ = *score;
    best_iteration_ = iteration_;
  }
  save(hooks, is_best);
  return true;
}

void Trainer::save(const TrainHooks& hooks, bool is_best) const {
  check_finite();
  if (hooks.save) hooks.save(checkpoint(), is_best);
}

void Trainer::check_finite() const {
  for (const auto& item : network_->named_parameters()) {
    if (item.value().isfinite().all().item<bool>()) continue;
    throw Error(fmt::format(
        "{} is not finite after iteration {}; the previous checkpoint is unchanged; lower train.learning_rate",
        item.key(), iteration_
    ));
  }
}

Checkpoint Trainer::checkpoint() const {
  Checkpoint checkpoint;
  checkpoint.iteration = iteration_;
  checkpoint.best_mean_iou = best_mean_iou_;
  checkpoint.best_iteration = best_iteration_;
  checkpoint.awaits_validation = awaits_validation_;
  checkpoint.network = weights::state_dict(*network_);
  checkpoint.velocities = optimizer_.velocities();
  checkpoint.squares = optimizer_.squares();
  checkpoint.updates = optimizer_.updates();
  if (averages_) checkpoint.averages = averages_->averages();
  if (precision_ == torch::kFloat16) {
    checkpoint.loss_scale = scale_.factor();
    checkpoint.steps_at_scale = scale_.steps();
  }
  return checkpoint;
}

}  // namespace deeplab::engine
