// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "deeplab/core/sample.h"
#include "deeplab/engine/checkpoint.h"
#include "deeplab/engine/sgd.h"
#include "deeplab/engine/train_config.h"
#include "deeplab/model/deeplab.h"

namespace deeplab::engine {

/// One iteration, as its observer sees it.
struct StepReport {
  /// Iterations done, this one included.
  int64_t iteration = 0;
  double loss = 0;
  double learning_rate = 0;
  /// Seconds of the whole iteration, and of those that passed before its batch
  /// was there.
  double seconds = 0;
  double data_seconds = 0;
};

/// What a training calls while it runs. `validate` gives the mIoU of the
/// network as it stands; any of the others may be empty.
struct TrainHooks {
  std::function<void(const StepReport&)> on_step;
  std::function<double(int64_t iteration)> validate;
  /// To be written to disk; `is_best` where no validation scored higher.
  std::function<void(const Checkpoint&, bool is_best)> save;
  /// Whether to stop after this step; a checkpoint is saved first.
  std::function<bool()> should_stop;
};

/// Trains a network by SGD. All randomness of iteration i comes from the seed
/// and i, so that a training resumed from its checkpoint ends with the same
/// bits as one never stopped (on the same machine and number of threads).
class Trainer {
 public:
  /// The network is trained in place, on the device that it is on.
  /// Throws: ConfigError for a config that TrainConfig::validate() refuses.
  Trainer(model::DeepLab network, const TrainConfig& config);

  /// Goes on from a checkpoint of the same config.
  /// Throws: DataError where a tensor is missing or of another shape.
  void restore(const Checkpoint& checkpoint);

  /// Runs to the last iteration, or until a hook wants to stop.
  /// Throws: Error where the loss is not finite, naming iteration and files;
  ///         nothing of that iteration is saved. Likewise where a weight is
  ///         not when a checkpoint is due.
  void run(const BatchSource& batches, const TrainHooks& hooks);

  /// Iterations done.
  int64_t iteration() const noexcept { return iteration_; }

 private:
  StepReport step(const Batch& batch);
  void validate_and_save(const TrainHooks& hooks, bool validate);
  void check_finite() const;
  Checkpoint checkpoint() const;

  model::DeepLab network_;
  TrainConfig config_;
  torch::Device device_;
  torch::Tensor class_weights_;
  Sgd sgd_;
  int64_t iteration_ = 0;
  double best_mean_iou_ = -1;
  int64_t best_iteration_ = 0;
};

}  // namespace deeplab::engine
