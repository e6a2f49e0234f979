// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/dropout.h>

#include "deeplab/nn/cloneable.h"
#include "deeplab/nn/context.h"
#include "deeplab/nn/conv_bn_relu.h"

namespace deeplab::nn {

/// Options for an ASPP module:
/// `AsppOptions(2048).rates({{12, 24, 36}, OutputStride::k8})`.
struct AsppOptions {
  explicit AsppOptions(int64_t in_channels) : in_channels_(in_channels) {}

  /// Channels of the backbone feature map, e.g. 2048 for ResNet-101.
  TORCH_ARG(int64_t, in_channels);
  /// Channels of every branch and of the output.
  TORCH_ARG(int64_t, out_channels) = 256;
  /// Dilations of the 3x3 branches, in feature-map pixels (not image pixels),
  /// and the output stride that they are meant for.
  TORCH_ARG(Rates, rates) = {{6, 12, 18}, OutputStride::k16};
  /// Adds a branch that sees the mean of the whole feature map.
  TORCH_ARG(bool, image_pooling) = true;
  /// Puts the image-pooling branch first in the concatenation (as TensorFlow
  /// does) instead of last (as the PyTorch projects do).
  TORCH_ARG(bool, image_pooling_first) = false;
  /// Makes the 3x3 branches depthwise separable (DeepLabV3+).
  TORCH_ARG(bool, separable) = false;
  /// No batch norm and ReLU inside separable convolutions; see
  /// ConvBnReluOptions::bare_depthwise.
  TORCH_ARG(bool, bare_depthwise) = false;
  /// Kernel size of the projection, odd: 1 in the paper, 3 in mmsegmentation.
  TORCH_ARG(int64_t, project_kernel) = 1;
  /// Number of 3x3 convolutions after the projection (SMP's DeepLabV3+: 1).
  /// They are depthwise separable if the branches are.
  TORCH_ARG(int64_t, convs) = 0;
  /// Probability of dropping an output element while training, in [0, 1).
  TORCH_ARG(double, dropout) = 0.1;
};

/// Atrous Spatial Pyramid Pooling: reads one feature map at several dilations
/// at once, plus its global mean, so that each pixel sees several sizes of
/// context.
///
/// Shapes: [N, in_channels, h, w] -> [N, out_channels, h, w], any h, w >= 1.
/// Throws: ConfigError from the constructor, naming the bad option; c10::Error
///         from forward(), for a wrong shape or for N = 1 while training (the
///         pooled branch is 1x1, so its batch norm would have no variance).
/// Source: Chen et al. 2017, arXiv:1706.05587, section 3.3 and figure 5.
class AsppImpl : public Implements<AsppImpl, ContextImpl> {
 public:
  explicit AsppImpl(const AsppOptions& options);

  void reset() override;
  torch::Tensor forward(const torch::Tensor& features) override;
  void set_output_stride(OutputStride stride) override;
  int64_t out_channels() const override { return options_.out_channels(); }

  /// Returns the current dilations of the 3x3 branches, in feature-map pixels.
  std::vector<int64_t> rates() const;

 private:
  torch::Tensor image_context(const torch::Tensor& features);

  AsppOptions options_;
  torch::nn::ModuleList branches_{nullptr};
  ConvBnRelu image_branch_{nullptr};
  ConvBnRelu project_{nullptr};
  torch::nn::ModuleList convs_{nullptr};
  torch::nn::Dropout dropout_{nullptr};
};
TORCH_MODULE(Aspp);

}  // namespace deeplab::nn
