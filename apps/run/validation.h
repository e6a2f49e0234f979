// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "apps/run/run.h"
#include "apps/run/run_log.h"
#include "data/dataset/dataset.h"
#include "deeplab/model/deeplab.h"

namespace deeplab::apps {

/// Scores a network on the validation set while it trains. The processes of the
/// training share the images.
class Validation {
 public:
  /// `options` outlives this.
  Validation(
      const RunConfig& config,
      std::shared_ptr<const data::Dataset> dataset,
      const TrainingOptions& options
  );

  /// Returns the mean IoU. `log` gets the scores and pictures; null in every
  /// process but the first. Without other processes, it stops between two
  /// images if `should_stop` returns true, and returns nothing. Throws: Error
  /// with a remedy if a validation image needs more memory than
  ///         there is.
  std::optional<double> run(
      model::DeepLab network,
      int64_t iteration,
      RunLog* log,
      const std::function<bool()>& should_stop
  ) const;

 private:
  double score(
      model::DeepLab network,
      int64_t iteration,
      RunLog* log,
      const std::function<void()>& between_images
  ) const;

  const RunConfig& config_;
  std::shared_ptr<const data::Dataset> dataset_;
  const TrainingOptions& options_;
};

}  // namespace deeplab::apps
