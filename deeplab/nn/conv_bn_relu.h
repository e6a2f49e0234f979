// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <torch/arg.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include "deeplab/nn/norm.h"

namespace deeplab::nn {

/// Options of one block: `ConvBnReluOptions(2048, 256, 3).dilation(6)`.
struct ConvBnReluOptions {
  ConvBnReluOptions(int64_t in_channels, int64_t out_channels, int64_t kernel)
      : in_channels_(in_channels),
        out_channels_(out_channels),
        kernel_(kernel) {}

  TORCH_ARG(int64_t, in_channels);
  TORCH_ARG(int64_t, out_channels);
  /// Kernel size, odd.
  TORCH_ARG(int64_t, kernel);
  /// Dilation of the convolution, in feature-map pixels.
  TORCH_ARG(int64_t, dilation) = 1;
  /// Stride of the convolution: the map's sides are divided by it and rounded
  /// up.
  TORCH_ARG(int64_t, stride) = 1;
  /// Number of convolution groups, as in torch::nn::Conv2d.
  TORCH_ARG(int64_t, groups) = 1;
  /// Uses a depthwise convolution of this kernel and then a 1x1 convolution,
  /// which takes far fewer weights. Source: Chen et al. 2018, arXiv:1802.02611,
  /// section 3.1 ("atrous separable").
  TORCH_ARG(bool, separable) = false;
  /// Puts nothing between the depthwise and the 1x1 convolution (VainF, SMP).
  /// By default, batch norm and ReLU are between them (TensorFlow,
  /// mmsegmentation). This option has no effect unless `separable` is set.
  TORCH_ARG(bool, bare_depthwise) = false;
};

/// A convolution without bias, followed by batch norm and ReLU. At stride 1 the
/// map keeps its size.
///
/// Shapes: [N, in_channels, h, w] -> [N, out_channels, h / stride, w / stride],
///         rounded up.
class ConvBnReluImpl : public torch::nn::Cloneable<ConvBnReluImpl> {
 public:
  explicit ConvBnReluImpl(const ConvBnReluOptions& options);

  void reset() override;
  torch::Tensor forward(const torch::Tensor& features);

  /// Sets the dilation and keeps the output size. The weights do not change.
  void set_dilation(int64_t dilation);

  /// Returns true if the batch norm has no variance for a single image whose
  /// map is 1x1: while training, unless the norm is frozen, is a group norm or
  /// takes its statistics over several processes.
  bool needs_several_images() const {
    return bn_->uses_batch_statistics() && !bn_->sum();
  }

  const ConvBnReluOptions& options() const noexcept { return options_; }
  /// Returns the convolution or, if the options say `separable`, its pointwise
  /// part.
  const torch::nn::Conv2dImpl& conv() const { return *conv_; }

 private:
  ConvBnReluOptions options_;
  std::shared_ptr<ConvBnReluImpl> depthwise_;
  torch::nn::Conv2d bare_depthwise_{nullptr};
  torch::nn::Conv2d conv_{nullptr};
  Norm bn_{nullptr};
};
TORCH_MODULE(ConvBnRelu);

}  // namespace deeplab::nn
