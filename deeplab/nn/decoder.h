// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/arg.h>
#include <torch/nn/module.h>

#include "deeplab/nn/features.h"
#include "deeplab/nn/resize.h"

namespace deeplab::nn {

/// Interface of a decoder, which sits between the context module and the
/// classifier.
class DecoderImpl : public torch::nn::Module {
 public:
  /// Shapes: `features` as the backbone returns them and `context` [N, C, h, w]
  ///         at the size of features.high -> [N, out_channels, h', w'].
  virtual torch::Tensor forward(
      const Features& features, const torch::Tensor& context
  ) = 0;

  /// Tells the decoder where the features of the backbone and of the context
  /// look. Until then it takes all of them for images.
  void set_grids(const FeatureGrids& features, const FeatureGrid& context) {
    grids_ = features;
    context_grid_ = context;
  }

  /// Returns where the features of forward()'s output look.
  virtual FeatureGrid grid() const = 0;

  /// Returns the number of channels of forward()'s output.
  virtual int64_t out_channels() const = 0;

  /// Returns true if forward()'s output already consists of class scores.
  virtual bool gives_scores() const { return false; }

 protected:
  const FeatureGrids& grids() const noexcept { return grids_; }
  const FeatureGrid& context_grid() const noexcept { return context_grid_; }

 private:
  FeatureGrids grids_;
  FeatureGrid context_grid_;
};

/// Options for a decoder: `DecoderOptions(256, channels).separable(true)`.
struct DecoderOptions {
  DecoderOptions(int64_t context_channels, const FeatureChannels& features)
      : context_channels_(context_channels), features_(features) {}

  /// Number of channels of the context module's output.
  TORCH_ARG(int64_t, context_channels);
  /// Number of channels of each of the backbone's maps.
  TORCH_ARG(FeatureChannels, features);
  /// Number of channels that low-level features are reduced to. Source: Chen et
  /// al. 2018, table 1.
  TORCH_ARG(int64_t, reduced_channels) = 48;
  /// Number of channels of the convolutions and of the output.
  TORCH_ARG(int64_t, channels) = 256;
  /// Number of convolutions (at each level). Source: Chen et al. 2018, table 2.
  TORCH_ARG(int64_t, convs) = 2;
  /// Kernel size of the convolutions, odd. Source: Chen et al. 2018, table 2.
  TORCH_ARG(int64_t, kernel) = 3;
  /// Makes the convolutions depthwise separable.
  TORCH_ARG(bool, separable) = false;
  /// No batch norm and ReLU inside separable convolutions; see
  /// ConvBnReluOptions::bare_depthwise.
  TORCH_ARG(bool, bare_depthwise) = false;
  /// Dropout probability after each convolution of the last level. If there is
  /// no convolution, the first value applies to the decoder's result. If empty,
  /// there is no dropout.
  TORCH_ARG(std::vector<double>, dropout);
  /// Number of levels that DeepLabV3+'s decoder joins: 1 (k4) or 2 (k8, then
  /// k4). Source: Chen et al. 2018, table 2 ("Conv2 + Conv3").
  TORCH_ARG(int64_t, levels) = 1;
  /// Concatenates [low, context] (VainF) instead of [context, low].
  TORCH_ARG(bool, low_first) = false;
  TORCH_ARG(Alignment, alignment) = Alignment::kCentres;
};

}  // namespace deeplab::nn
