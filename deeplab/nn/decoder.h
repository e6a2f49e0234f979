// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <torch/arg.h>
#include <torch/nn/module.h>

#include "deeplab/nn/features.h"

namespace deeplab::nn {

/// What stands between the context module and the classifier.
class DecoderImpl : public virtual torch::nn::Module {
 public:
  /// Shapes: features as the backbone gives them and context [N, C, h, w] at
  /// the size of features.high -> [N, out_channels, h', w'].
  virtual torch::Tensor forward(
      const Features& features, const torch::Tensor& context
  ) = 0;

  /// Channels that forward() returns.
  virtual int64_t out_channels() const = 0;
};

/// How to build a decoder: `DecoderOptions(256, 24).separable(true)`.
struct DecoderOptions {
  DecoderOptions(int64_t context_channels, int64_t low_channels)
      : context_channels_(context_channels), low_channels_(low_channels) {}

  /// Channels of the context module's output.
  TORCH_ARG(int64_t, context_channels);
  /// Channels of the backbone's low-level features.
  TORCH_ARG(int64_t, low_channels);
  /// Channels that the low-level features are reduced to. Source: Chen et al.
  /// 2018, table 1.
  TORCH_ARG(int64_t, reduced_channels) = 48;
  /// Width of the 3x3 convolutions and of the output.
  TORCH_ARG(int64_t, channels) = 256;
  /// Number of 3x3 convolutions. Source: Chen et al. 2018, table 2.
  TORCH_ARG(int64_t, convs) = 2;
  /// Depthwise separable 3x3 convolutions.
  TORCH_ARG(bool, separable) = false;
};

}  // namespace deeplab::nn
