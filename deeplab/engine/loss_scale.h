// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "deeplab/core/error.h"

namespace deeplab::engine {

/// Factor on the loss that keeps float16 gradients from underflowing. It is
/// halved after each step whose gradients are not finite (the step itself is
/// skipped), and doubled after 2000 steps in a row with finite gradients.
/// Source: Micikevicius et al. 2017, arXiv:1710.03740, section 3.2.
class LossScale {
 public:
  static constexpr double kFirst = 65536;
  static constexpr int64_t kPatience = 2000;

  double factor() const noexcept { return factor_; }
  int64_t steps() const noexcept { return steps_; }
  void restore(double factor, int64_t steps) {
    factor_ = factor;
    steps_ = steps;
  }

  /// Updates the factor after a backward. Returns true if the gradients may be
  /// used.
  /// Throws: Error if the gradients are not finite even without scaling.
  bool update(bool gradients_are_finite) {
    if (!gradients_are_finite) {
      factor_ /= 2;
      if (factor_ < 1) {
        throw Error(
            "gradients are not finite in float16 at any loss scale; train in bfloat16 or float32, or lower train.learning_rate"
        );
      }
      steps_ = 0;
      return false;
    }
    if (++steps_ == kPatience) {
      factor_ *= 2;
      steps_ = 0;
    }
    return true;
  }

 private:
  double factor_ = kFirst;
  int64_t steps_ = 0;
};

}  // namespace deeplab::engine
