// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <torch/arg.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include "deeplab/nn/norm.h"

namespace deeplab::nn {

/// How to build one block: `ConvBnReluOptions(2048, 256, 3).dilation(6)`.
struct ConvBnReluOptions {
  ConvBnReluOptions(int64_t in_channels, int64_t out_channels, int64_t kernel)
      : in_channels_(in_channels),
        out_channels_(out_channels),
        kernel_(kernel) {}

  TORCH_ARG(int64_t, in_channels);
  TORCH_ARG(int64_t, out_channels);
  /// Side of the square kernel, odd.
  TORCH_ARG(int64_t, kernel);
  /// Distance of the kernel's taps, in feature-map pixels.
  TORCH_ARG(int64_t, dilation) = 1;
  /// The map shrinks by this.
  TORCH_ARG(int64_t, stride) = 1;
  /// Groups of channels that do not see each other.
  TORCH_ARG(int64_t, groups) = 1;
  /// A depthwise block of this kernel, then a 1x1: far fewer weights. Source:
  /// Chen et al. 2018, arXiv:1802.02611, section 3.1 ("atrous separable").
  TORCH_ARG(bool, separable) = false;
  /// Nothing between the two (VainF, SMP); else batch norm and ReLU, as
  /// TensorFlow and mmsegmentation.
  TORCH_ARG(bool, bare_depthwise) = false;
};

/// Convolution without bias, batch norm, ReLU; at stride 1 the map keeps its
/// size.
///
/// Shapes: [N, in_channels, h, w] -> [N, out_channels, h / stride, w / stride],
///         rounded up.
class ConvBnReluImpl : public torch::nn::Cloneable<ConvBnReluImpl> {
 public:
  explicit ConvBnReluImpl(const ConvBnReluOptions& options);

  void reset() override;
  torch::Tensor forward(const torch::Tensor& features);

  /// Spreads the kernel's taps; weights are not touched.
  void set_dilation(int64_t dilation);

  /// Whether one image gives its norm no variance where the map is one pixel:
  /// while training, unless the norm is frozen, over groups, or over processes.
  bool needs_several_images() const {
    return bn_->uses_batch_statistics() && !bn_->sum();
  }

  const ConvBnReluOptions& options() const noexcept { return options_; }

 private:
  ConvBnReluOptions options_;
  std::shared_ptr<ConvBnReluImpl> depthwise_;
  torch::nn::Conv2d bare_depthwise_{nullptr};
  torch::nn::Conv2d conv_{nullptr};
  Norm bn_{nullptr};
};
TORCH_MODULE(ConvBnRelu);

}  // namespace deeplab::nn
