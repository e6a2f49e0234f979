// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "deeplab/core/sample.h"
#include "deeplab/engine/averaged_weights.h"
#include "deeplab/engine/checkpoint.h"
#include "deeplab/engine/gradient_sum.h"
#include "deeplab/engine/loss_scale.h"
#include "deeplab/engine/optimizer.h"
#include "deeplab/engine/process_group.h"
#include "deeplab/engine/step_loss.h"
#include "deeplab/engine/train_config.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/segmenter.h"

namespace deeplab::engine {

/// One iteration, as its observer sees it.
struct StepReport {
  /// Iterations done, this one included.
  int64_t iteration = 0;
  /// Over all processes.
  double loss = 0;
  double learning_rate = 0;
  /// Before it was clipped; only where train.clip_gradient_norm asks for it.
  std::optional<double> gradient_norm;
  /// With float16: gradients were not finite, and the weights stayed.
  bool skipped = false;
  /// Seconds of the whole iteration, and of those that passed before its batch
  /// was there.
  double seconds = 0;
  double data_seconds = 0;
};

/// What a training calls while it runs: the place for logs, pictures, early
/// stops and whatever else a user of the library wants to hang on. `validate`
/// gives the mIoU of the network as it stands (with train.ema_decay, of its
/// average); any of the others may be empty.
struct TrainHooks {
  std::function<void(const StepReport&)> on_step;
  std::function<double(int64_t iteration)> validate;
  /// To be written to disk: before each validation, so that one that fails
  /// costs nothing, and after it; `is_best` where none scored higher.
  std::function<void(const Checkpoint&, bool is_best)> save;
  /// Whether to stop after this step; a checkpoint is saved first.
  std::function<bool()> should_stop;
};

/// What a training works with beside the network and the config.
struct TrainContext {
  /// Several processes that train one network, each on its share of every
  /// batch; empty: this one alone.
  std::shared_ptr<ProcessGroup> processes;
  /// Whose scores are learned too, where train.teacher is set.
  model::Segmenter teacher;
};

/// Trains a network. All randomness of iteration i comes from the seed and i,
/// so that a training resumed from its checkpoint ends with the same bits as
/// one never stopped (on the same machine and number of threads).
class Trainer {
 public:
  /// The network is trained in place, on the device that it is on. With several
  /// processes, all begin with the weights of process 0.
  /// Throws: ConfigError for a config that TrainConfig::validate() refuses.
  Trainer(
      model::DeepLab network, const TrainConfig& config, TrainContext context
  );
  /// In one process, without a teacher.
  Trainer(model::DeepLab network, const TrainConfig& config)
      : Trainer(std::move(network), config, {}) {}

  /// Goes on from a checkpoint of the same config.
  /// Throws: DataError where a tensor is missing or of another shape.
  void restore(const Checkpoint& checkpoint);

  /// Runs to the last iteration, or until a hook wants to stop. `batches` gives
  /// this process's share.
  /// Throws: Error where the loss is not finite, naming iteration and files;
  ///         nothing of that iteration is saved. Likewise where a weight is
  ///         not when a checkpoint is due.
  void run(const BatchSource& batches, const TrainHooks& hooks);

  /// Iterations done.
  int64_t iteration() const noexcept { return iteration_; }

 private:
  StepReport step(const Batch& batch);
  /// Leaves the sum of the gradients; returns the loss.
  double backward(const Batch& batch);
  torch::Tensor loss_of(
      const torch::Tensor& images, const torch::Tensor& labels
  );
  double finite_loss(const torch::Tensor& loss, const Batch& batch);
  bool update(StepReport& report);
  void share_state();
  bool stops(const TrainHooks& hooks);
  void validate(const TrainHooks& hooks);
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
