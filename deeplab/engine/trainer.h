// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "deeplab/core/sample.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/engine/averaged_weights.h"
#include "deeplab/engine/checkpoint.h"
#include "deeplab/engine/gradient_sum.h"
#include "deeplab/engine/loss_scale.h"
#include "deeplab/engine/optimizer.h"
#include "deeplab/engine/process_group.h"
#include "deeplab/engine/step_loss.h"
#include "deeplab/engine/train_config.h"
#include "deeplab/model/deeplab.h"

namespace deeplab::engine {

/// Report on one iteration for an observer.
struct StepReport {
  /// Number of iterations done, including this one.
  int64_t iteration = 0;
  /// Loss of the whole batch, over all processes.
  double loss = 0;
  double learning_rate = 0;
  /// Norm of the gradients before clipping; only set with
  /// train.clip_gradient_norm.
  std::optional<double> gradient_norm;
  /// True if gradients were not finite (float16 only), so that the weights were
  /// not updated.
  bool skipped = false;
  /// Duration of the whole iteration, and of the wait for its batch, in
  /// seconds.
  double seconds = 0;
  double data_seconds = 0;
};

/// Callbacks of a training run, e.g. for logs, pictures or early stopping.
/// Any of them may be empty.
struct TrainHooks {
  std::function<void(const StepReport&)> on_step;
  /// Returns the mIoU of the current network (of its moving average with
  /// train.ema_decay), or nothing if it was stopped; the run then ends, and a
  /// resumed one validates first.
  std::function<std::optional<double>(int64_t iteration)> validate;
  /// Saves a checkpoint to disk. It is called before each validation, so that a
  /// failing validation costs nothing, and again after it; also at the interval
  /// of train.checkpoint_every and before an early stop. `is_best` is true if
  /// the validation scored higher than all before.
  std::function<void(const Checkpoint&, bool is_best)> save;
  /// Returns true to stop after this step. A checkpoint is saved first.
  std::function<bool()> should_stop;
};

/// Everything that a training run needs besides the network and the config.
struct TrainContext {
  /// Processes that train one network together, each on its part of every
  /// batch; null for a single process.
  std::shared_ptr<ProcessGroup> processes;
  /// The teacher network for distillation. Required if train.teacher is set.
  Segmenter teacher;
};

/// Trains a network. All randomness of iteration i depends only on the seed and
/// i, so a run that is resumed from a checkpoint ends with the same bits as one
/// that was never stopped (on the same machine with the same number of
/// threads).
class Trainer {
 public:
  /// Trains `network` in place, on its current device. With several processes,
  /// all start with the weights of process 0.
  /// Throws: ConfigError for a config that TrainConfig::validate() rejects.
  Trainer(
      model::DeepLab network, const TrainConfig& config, TrainContext context
  );
  /// Trains in a single process without a teacher.
  Trainer(model::DeepLab network, const TrainConfig& config)
      : Trainer(std::move(network), config, {}) {}

  /// Restores the state from a checkpoint of the same config.
  /// Throws: DataError if a tensor is missing or has another shape.
  void restore(const Checkpoint& checkpoint);

  /// Runs until the last iteration, or until a hook asks to stop. `batches`
  /// gives this process's part of each batch. Returns true if nothing is left
  /// to do.
  /// Throws: Error if the loss is not finite, naming the iteration and the
  ///         files; nothing of that iteration is saved. Error if a weight is
  ///         not finite when a checkpoint is due.
  bool run(const BatchSource& batches, const TrainHooks& hooks);

  /// Returns the number of iterations done.
  int64_t iteration() const noexcept { return iteration_; }

 private:
  StepReport step(const Batch& batch);
  /// Leaves the gradients summed over pieces and processes; returns the loss.
  double backward(const Batch& batch);
  torch::Tensor loss_of(
      const torch::Tensor& images, const torch::Tensor& labels
  );
  double finite_loss(const torch::Tensor& loss, const Batch& batch);
  bool update(StepReport& report);
  void share_state();
  bool stops(const TrainHooks& hooks);
  /// Returns false if the validation was stopped.
  bool validate(const TrainHooks& hooks);
  void save(const TrainHooks& hooks, bool is_best) const;
  void check_finite() const;
  Checkpoint checkpoint() const;

  model::DeepLab network_;
  TrainConfig config_;
  TrainContext context_;
  torch::Device device_;
  std::optional<torch::ScalarType> precision_;
  Optimizer optimizer_;
  std::unique_ptr<GradientSum> gradients_;
  std::optional<StepLoss> loss_;
  std::optional<AveragedWeights> averages_;
  LossScale scale_;
  int64_t iteration_ = 0;
  double best_mean_iou_ = -1;
  int64_t best_iteration_ = 0;
  bool awaits_validation_ = false;
};

}  // namespace deeplab::engine
