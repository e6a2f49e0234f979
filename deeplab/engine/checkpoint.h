// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "deeplab/weights/state_dict.h"

namespace deeplab::engine {

/// Where a run stands, with all that is needed to go on bit for bit. On disk:
/// one safetensors file, the texts in its metadata.
struct Checkpoint {
  /// JSON of the whole run's config.
  std::string config;
  /// Iterations done.
  int64_t iteration = 0;
  /// Best validation score so far and its iteration; below 0: none yet.
  double best_mean_iou = -1;
  int64_t best_iteration = 0;
  /// Saved before the validation that is due after its last iteration.
  bool awaits_validation = false;
  weights::StateDict network;
  /// The optimizer's state: see Optimizer.
  weights::StateDict velocities;
  weights::StateDict squares;
  int64_t updates = 0;
  /// The network's averages over steps; empty without train.ema_decay.
  weights::StateDict averages;
  /// The factor on the loss with train.precision float16, and the steps since
  /// it changed.
  double loss_scale = 0;
  int64_t steps_at_scale = 0;

  /// What was trained: the averages, where there are some, or the network.
  const weights::StateDict& trained() const {
    return averages.is_empty() ? network : averages;
  }
};

/// Copies one of a checkpoint's dicts into what is to go on from it; `what` is
/// for messages.
/// Throws: DataError where a tensor is missing or of another shape.
void restore_state(
    const weights::StateDict& into,
    const weights::StateDict& from,
    const char* what
);

/// Throws: DataError where the file cannot be written; what stood there stays.
void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);

/// Throws: DataError naming `path`, for any other file or a damaged one.
Checkpoint load_checkpoint(const std::string& path);

}  // namespace deeplab::engine
