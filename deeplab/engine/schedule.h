// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "deeplab/core/names.h"
#include "deeplab/engine/train_config.h"

namespace deeplab::engine {

/// Returns the learning rate of iteration 0..iterations-1 under
/// `train.schedule`:
///
/// - "poly": end + (rate - end) * (1 - i / n) ^ poly_power (Chen et al. 2016,
///   arXiv:1606.00915, section 4.1);
/// - "step": rate * step_factor ^ floor(i / step_every) (Chen et al. 2014,
///   arXiv:1412.7062, section 4.1);
/// - "cosine": end + (rate - end) * (1 + cos(pi i / n)) / 2 (Loshchilov and
///   Hutter 2016, arXiv:1608.03983);
/// - "one_cycle": torch.optim.lr_scheduler.OneCycleLR with its defaults, whose
///   peak is the learning rate (Smith and Topin 2017, arXiv:1708.07120);
/// - "constant".
///
/// If slow_start_iterations is set, that many iterations run first at
/// slow_start_rate, and the schedule covers the remaining ones (TensorFlow's
/// DeepLab). During the first warmup_iterations, the rate is multiplied by a
/// factor that grows from warmup_factor to 1. If update_every is above 1,
/// iteration i has the rate of the last multiple of update_every.
double learning_rate(const TrainConfig& config, int64_t iteration);

/// Returns the schedules with a one-line description of each.
std::vector<NamedUse> schedule_uses();

}  // namespace deeplab::engine
