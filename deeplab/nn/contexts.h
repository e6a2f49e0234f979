// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>

#include "deeplab/nn/cloneable.h"
#include "deeplab/nn/context.h"
#include "deeplab/nn/conv_bn_relu.h"
#include "deeplab/nn/resize.h"

namespace deeplab::nn {

/// Options for DeepLabV2's ASPP:
/// `SumAsppOptions(512, 21).hidden_channels(1024)`.
struct SumAsppOptions {
  SumAsppOptions(int64_t in_channels, int64_t classes)
      : in_channels_(in_channels), classes_(classes) {}

  TORCH_ARG(int64_t, in_channels);
  TORCH_ARG(int64_t, classes);
  TORCH_ARG(Rates, rates) = {{6, 12, 18, 24}, OutputStride::k8};
  /// Number of channels of fc6 and fc7 in each branch (VGG-16: 1024). If 0,
  /// each branch is one 3x3 convolution that computes the scores directly
  /// (ResNet-101).
  TORCH_ARG(int64_t, hidden_channels) = 0;
  /// Dropout probability after fc6 and after fc7.
  TORCH_ARG(double, dropout) = 0.5;
};

/// DeepLabV2's ASPP: the sum of the class scores of several branches with
/// different dilations.
///
/// Shapes: [N, in_channels, h, w] -> scores [N, classes, h, w].
/// Source: Chen et al. 2016, arXiv:1606.00915, section 3.1 and figure 7.
class SumAsppImpl : public Implements<SumAsppImpl, ContextImpl> {
 public:
  explicit SumAsppImpl(const SumAsppOptions& options);

  void reset() override;
  torch::Tensor forward(const torch::Tensor& features) override;
  void set_output_stride(OutputStride stride) override;
  int64_t out_channels() const override { return options_.classes(); }
  bool gives_scores() const override { return true; }

 private:
  torch::Tensor branch(size_t index, const torch::Tensor& features);

  SumAsppOptions options_;
  /// One layer per branch each. fc7_ and fc8_ are null if `hidden_channels` is
  /// 0; fc6_ then computes the scores.
  torch::nn::ModuleList fc6_{nullptr};
  torch::nn::ModuleList fc7_{nullptr};
  torch::nn::ModuleList fc8_{nullptr};
  torch::nn::Dropout dropout_{nullptr};
};

/// Options for LargeFOV: `LargeFovOptions(512).kernel(7).channels(4096)`.
struct LargeFovOptions {
  explicit LargeFovOptions(int64_t in_channels) : in_channels_(in_channels) {}

  TORCH_ARG(int64_t, in_channels);
  /// Number of channels of fc6, of fc7 and of the output.
  TORCH_ARG(int64_t, channels) = 1024;
  /// Kernel size of fc6: 3, 4 or 7 in table 2 of the paper.
  TORCH_ARG(int64_t, kernel) = 3;
  /// Dilation of fc6, called "input stride" in the paper.
  TORCH_ARG(Rates, rate) = {{12}, OutputStride::k8};
  /// Dropout probability after fc6 and after fc7.
  TORCH_ARG(double, dropout) = 0.5;
};

/// VGG-16's fully connected layers as convolutions, with a dilated fc6:
/// DeepLabV1's field of view or, with kernel 7 and rate 1, the layers of FCN.
///
/// Shapes: [N, in_channels, h, w] -> [N, channels, h, w].
/// Source: Chen et al. 2014, arXiv:1412.7062, sections 3.1, 4.1 and table 2.
/// Differs: the extra padding of an even kernel goes to the right and the
///          bottom, whereas Caffe's maps shrink by it.
class LargeFovImpl : public Implements<LargeFovImpl, ContextImpl> {
 public:
  explicit LargeFovImpl(const LargeFovOptions& options);

  void reset() override;
  torch::Tensor forward(const torch::Tensor& features) override;
  void set_output_stride(OutputStride stride) override;
  FeatureGrid grid(const FeatureGrid& features) const override;
  int64_t out_channels() const override { return options_.channels(); }

 private:
  /// Padding of fc6 on the left and at the top, and on the right and at the
  /// bottom.
  struct Padding {
    int64_t before;
    int64_t after;
  };
  Padding padding() const;

  LargeFovOptions options_;
  torch::nn::Conv2d fc6_{nullptr};
  torch::nn::Conv2d fc7_{nullptr};
  torch::nn::Dropout dropout_{nullptr};
};

/// Options for pyramid pooling:
/// `PyramidPoolingOptions(2048).bins({1, 2, 3, 6})`.
struct PyramidPoolingOptions {
  explicit PyramidPoolingOptions(int64_t in_channels)
      : in_channels_(in_channels) {}

  TORCH_ARG(int64_t, in_channels);
  /// Sides of the pooling grids: 3 averages the map over 3x3 cells.
  TORCH_ARG(std::vector<int64_t>, bins) = {1, 2, 3, 6};
  /// Alignment of the means with the map. A mean belongs to the centre of its
  /// cell, so that kCentres and kEdges are the same here.
  TORCH_ARG(Alignment, alignment) = Alignment::kCentres;
};

/// PSPNet's context: averages the map over finer and finer grids, reduces the
/// channels of each by a 1x1 convolution, and concatenates the results with the
/// map itself.
///
/// Shapes: [N, C, h, w] -> [N, C + B * (C / B), h, w] for B bins, with integer
///         division.
/// Throws: c10::Error from forward() for N = 1 while training if a bin is 1
///         (its batch norm would have no variance).
/// Source: Zhao et al. 2017, arXiv:1612.01105, section 3.2.
class PyramidPoolingImpl : public Implements<PyramidPoolingImpl, ContextImpl> {
 public:
  explicit PyramidPoolingImpl(const PyramidPoolingOptions& options);

  void reset() override;
  torch::Tensor forward(const torch::Tensor& features) override;
  void set_output_stride(OutputStride /*stride*/) override {}
  int64_t out_channels() const override;

 private:
  int64_t reduced_channels() const;

  PyramidPoolingOptions options_;
  torch::nn::ModuleList branches_{nullptr};
};

/// Adds no context: returns the feature map unchanged.
class NoContextImpl : public Implements<NoContextImpl, ContextImpl> {
 public:
  explicit NoContextImpl(int64_t channels) : channels_(channels) {}

  void reset() override {}
  torch::Tensor forward(const torch::Tensor& features) override {
    return features;
  }
  void set_output_stride(OutputStride /*stride*/) override {}
  int64_t out_channels() const override { return channels_; }

 private:
  int64_t channels_;
};

}  // namespace deeplab::nn
