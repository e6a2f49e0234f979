// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/arg.h>
#include <torch/nn/module.h>

#include "deeplab/nn/features.h"
#include "deeplab/nn/resize.h"

namespace deeplab::nn {

/// What stands between the context module and the classifier.
class DecoderImpl : public torch::nn::Module {
 public:
  /// Shapes: features as the backbone gives them and context [N, C, h, w] at
  /// the size of features.high -> [N, out_channels, h', w'].
  virtual torch::Tensor forward(
      const Features& features, const torch::Tensor& context
  ) = 0;

  /// Channels that forward() returns.
  virtual int64_t out_channels() const = 0;

  /// Whether those channels are scores of classes already.
  virtual bool gives_scores() const { return false; }
};

/// How to build a decoder: `DecoderOptions(256, channels).separable(true)`.
struct DecoderOptions {
  DecoderOptions(int64_t context_channels, const FeatureChannels& features)
      : context_channels_(context_channels), features_(features) {}

  /// Channels of the context module's output.
  TORCH_ARG(int64_t, context_channels);
  /// Channels of the backbone's maps.
  TORCH_ARG(FeatureChannels, features);
  /// Channels that low-level features are reduced to. Source: Chen et al.
  /// 2018, table 1.
  TORCH_ARG(int64_t, reduced_channels) = 48;
  /// Width of the convolutions and of the output.
  TORCH_ARG(int64_t, channels) = 256;
  /// Number of convolutions (at each level). Source: Chen et al. 2018, table 2.
  TORCH_ARG(int64_t, convs) = 2;
  /// Side of their kernels, odd. Source: as convs.
  TORCH_ARG(int64_t, kernel) = 3;
  /// Depthwise separable convolutions.
  TORCH_ARG(bool, separable) = false;
  /// As ConvBnReluOptions::bare_depthwise.
  TORCH_ARG(bool, bare_depthwise) = false;
  /// Probability of dropping an element after each convolution (of the last
  /// level); the last also where there is no convolution. Empty: none.
  TORCH_ARG(std::vector<double>, dropout);
  /// Levels that V3+'s decoder joins: 1 (k4) or 2 (k8, then k4). Source: Chen
  /// et al. 2018, table 2 ("Conv2 + Conv3").
  TORCH_ARG(int64_t, levels) = 1;
  /// Concatenates [low, context] (VainF) instead of [context, low].
  TORCH_ARG(bool, low_first) = false;
  TORCH_ARG(AlignCorners, corners) = AlignCorners::kNo;
};

}  // namespace deeplab::nn
