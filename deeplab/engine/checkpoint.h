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
  weights::StateDict network;
  /// The optimizer's state: see Optimizer.
  weights::StateDict velocities;
  weights::StateDict squares;
  /// The network's averages over steps; empty without train.ema_decay.
  weights::StateDict averages;
  /// The factor on the loss with train.precision float16, and the steps since
  /// it changed.
  double loss_scale = 0;
  int64_t steps_at_scale = 0;
};

/// Throws: DataError where the file cannot be written; what stood there stays.
void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);

/// Throws: DataError naming `path`, for any other file or a damaged one.
Checkpoint load_checkpoint(const std::string& path);

}  // namespace deeplab::engine
