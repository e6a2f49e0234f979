// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/model/deeplab.h"

namespace deeplab::model {

/// Sets eval() on a network, and train() again at the end of its scope if it
/// was set; modules that were set apart from it (frozen batch norm) are not.
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
