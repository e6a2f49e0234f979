// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/engine/train_config.h"

namespace deeplab::engine {

/// The learning rate of iteration 0..iterations-1, by `train.schedule`:
///
/// - "poly": end + (rate - end) * (1 - i / n) ^ poly_power (Chen et al. 2016,
///   arXiv:1606.00915, section 4.1);
/// - "step": rate * step_factor ^ floor(i / step_every) (Chen et al. 2014,
///   arXiv:1412.7062, section 4);
/// - "cosine": end + (rate - end) * (1 + cos(pi i / n)) / 2 (Loshchilov and
///   Hutter 2016, arXiv:1608.03983);
/// - "one_cycle": torch.optim.lr_scheduler.OneCycleLR with its defaults, `rate`
///   being the peak (Smith and Topin 2017, arXiv:1708.07120);
/// - "constant".
///
/// Where slow_start_iterations is set, that many come first at
/// slow_start_rate, and the schedule has the others (TensorFlow's DeepLab).
/// In the first warmup_iterations the rate is multiplied by what grows from
/// warmup_factor to 1. With update_every above 1, the rate of iteration i is
/// that of the last multiple of it.
double learning_rate(const TrainConfig& config, int64_t iteration);

}  // namespace deeplab::engine
