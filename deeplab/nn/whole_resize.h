// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "deeplab/nn/resize.h"

namespace deeplab::nn {

/// While it lives, traces on this thread record each resize_like() and each
/// rescale() as one operator, deeplab::resize_like or deeplab::rescale, which
/// only programs that contain this library can run. Otherwise a trace records
/// the LibTorch operators of which they consist.
class TraceWholeResizes {
 public:
  TraceWholeResizes();
  TraceWholeResizes(const TraceWholeResizes&) = delete;
  TraceWholeResizes& operator=(const TraceWholeResizes&) = delete;
  ~TraceWholeResizes();

  /// Returns true if a trace is being recorded on this thread and an object of
  /// this class lives.
  static bool is_active();

 private:
  bool outer_;
};

/// Records the operators; for use while TraceWholeResizes::is_active().
torch::Tensor trace_resize_like(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const Resampling& resampling
);
torch::Tensor trace_rescale(
    const torch::Tensor& features, double factor, Alignment alignment
);

}  // namespace deeplab::nn
