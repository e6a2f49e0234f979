// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include <torch/types.h>

#include "apps/config/run_config.h"
#include "data/dataset/dataset.h"

namespace deeplab::apps {

/// Estimates how long trainings and evaluations take on this machine, from a
/// few steps and images with untrained networks. Configs that differ only in
/// their seed are measured once.
class Calibration {
 public:
  explicit Calibration(torch::Device device) : device_(device) {}

  /// Returns the seconds of a whole training with its validations.
  double training_seconds(const RunConfig& config);
  /// Returns the seconds of an evaluation of the whole validation set.
  double scoring_seconds(const RunConfig& config);

 private:
  double measure_image(
      const RunConfig& config,
      const std::shared_ptr<const data::Dataset>& dataset
  ) const;

  torch::Device device_;
  /// Seconds per step or per image, keyed by the config that was measured.
  std::map<std::string, double> seconds_;
};

}  // namespace deeplab::apps
