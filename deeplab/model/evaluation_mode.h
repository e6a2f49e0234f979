// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/model/deeplab.h"

namespace deeplab::model {

/// Puts a network into evaluation mode and, at the end of its scope, calls
/// train() again if it was in training mode. Modules with a mode of their own
/// (frozen batch norm) are not restored to it: train() puts them into training
/// mode too.
class EvaluationMode {
 public:
  explicit EvaluationMode(DeepLabImpl& network)
      : network_(network), was_training_(network.is_training()) {
    network_.eval();
  }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;
  ~EvaluationMode() { network_.train(was_training_); }

 private:
  DeepLabImpl& network_;
  bool was_training_;
};

}  // namespace deeplab::model
