// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include <torch/types.h>

#include "apps/run_config.h"
#include "data/dataset.h"

namespace deeplab::apps {

/// Estimates how long work takes here, by a few steps and images of untrained
/// networks; what differs only in its seed is measured once.
class Calibration {
 public:
  explicit Calibration(torch::Device device) : device_(device) {}

  /// A training to its end, with its validations.
  double training_seconds(const RunConfig& config);
  /// An evaluation of the whole validation set.
  double scoring_seconds(const RunConfig& config);

 private:
  double measure_image(
      const RunConfig& config,
      const std::shared_ptr<const data::Dataset>& dataset
  ) const;

  torch::Device device_;
  /// Of a step or an image, by what is measured.
  std::map<std::string, double> seconds_;
};

}  // namespace deeplab::apps
