// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "deeplab/weights/state_dict.h"

namespace deeplab::engine {

/// State of a training run with everything that is needed to resume
/// bit-identically. It is stored as one safetensors file, with the texts and
/// numbers in its metadata.
struct Checkpoint {
  /// JSON of the config of the whole run.
  std::string config;
  /// Number of iterations done.
  int64_t iteration = 0;
  /// Best validation score so far and its iteration; negative before the first
  /// validation.
  double best_mean_iou = -1;
  int64_t best_iteration = 0;
  /// True if the validation that follows the last iteration has not been made
  /// yet.
  bool awaits_validation = false;
  weights::StateDict network;
  /// State of the optimizer; see Optimizer.
  weights::StateDict velocities;
  weights::StateDict squares;
  int64_t updates = 0;
  /// Moving averages of the network; empty without train.ema_decay.
  weights::StateDict averages;
  /// Loss scale with train.precision "float16", and the number of steps since
  /// it changed.
  double loss_scale = 0;
  int64_t steps_at_scale = 0;

  /// Returns the weights to use: the averages if there are any, else the
  /// network.
  const weights::StateDict& trained() const {
    return averages.is_empty() ? network : averages;
  }
};

/// Copies one dict of a checkpoint into the tensors of a run. `what` names the
/// values in error messages.
/// Throws: DataError if a tensor is missing or has another shape.
void restore_state(
    const weights::StateDict& into,
    const weights::StateDict& from,
    const char* what
);

/// Writes a checkpoint.
/// Throws: DataError if the file cannot be written. An old file at `path` then
///         stays unchanged.
void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);

/// Reads a checkpoint.
/// Throws: DataError naming `path`, if the file is not a checkpoint or is
///         damaged.
Checkpoint load_checkpoint(const std::string& path);

}  // namespace deeplab::engine
