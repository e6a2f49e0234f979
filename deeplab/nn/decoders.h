// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/conv.h>

#include "deeplab/nn/cloneable.h"
#include "deeplab/nn/conv_bn_relu.h"
#include "deeplab/nn/decoder.h"

namespace deeplab::nn {

/// A decoder that ignores the low-level features: it only applies convolutions
/// (none in the paper, one in torchvision) at the resolution of the context.
///
/// Shapes: context [N, context_channels, h, w] -> [N, channels, h, w].
/// Source: Chen et al. 2017, arXiv:1706.05587, figure 5; the "naive decoder" of
///         Chen et al. 2018.
class BilinearDecoderImpl
    : public Implements<BilinearDecoderImpl, DecoderImpl> {
 public:
  explicit BilinearDecoderImpl(const DecoderOptions& options);

  void reset() override;
  torch::Tensor forward(const Features& features, const torch::Tensor& context)
      override;
  FeatureGrid grid() const override { return context_grid(); }
  int64_t out_channels() const override;

 private:
  DecoderOptions options_;
  torch::nn::ModuleList convs_{nullptr};
};

/// DeepLabV3+'s decoder: reduces the low-level features to few channels,
/// concatenates them with the upsampled context as [context, low], and refines
/// the result by 3x3 convolutions.
///
/// Shapes: context [N, context_channels, h, w], features at k4 [N, C, H/4, W/4]
///         -> [N, channels, H/4, W/4].
/// Source: Chen et al. 2018, arXiv:1802.02611, section 3.1 and figure 2.
class V3PlusDecoderImpl : public Implements<V3PlusDecoderImpl, DecoderImpl> {
 public:
  explicit V3PlusDecoderImpl(const DecoderOptions& options);

  void reset() override;
  torch::Tensor forward(const Features& features, const torch::Tensor& context)
      override;
  FeatureGrid grid() const override { return grids().at[Level::k4]; }
  int64_t out_channels() const override;

 private:
  /// A map and where its features look.
  struct Map {
    torch::Tensor features;
    FeatureGrid grid;
  };
  Map join(ConvBnRelu& reduce, const Map& low, const Map& context);

  DecoderOptions options_;
  /// The layers of level k8; null if the decoder joins only one level.
  ConvBnRelu reduce_8_{nullptr};
  torch::nn::ModuleList convs_8_{nullptr};
  ConvBnRelu reduce_{nullptr};
  torch::nn::ModuleList convs_{nullptr};
};

/// U-Net's decoder: goes up level by level, concatenates the backbone's whole
/// map at each level and refines the result. The number of channels halves from
/// level to level.
///
/// Shapes: context [N, context_channels, h, w], features at k16, k8, k4, k2 ->
///         [N, channels / 8, H/2, W/2].
/// Source: Ronneberger et al. 2015, arXiv:1505.04597, figure 1.
/// Differs: it resizes bilinearly instead of by 2x2 up-convolutions, and it
///          uses batch norm.
class UnetDecoderImpl : public Implements<UnetDecoderImpl, DecoderImpl> {
 public:
  explicit UnetDecoderImpl(const DecoderOptions& options);

  void reset() override;
  torch::Tensor forward(const Features& features, const torch::Tensor& context)
      override;
  FeatureGrid grid() const override { return grids().at[Level::k2]; }
  int64_t out_channels() const override;

 private:
  DecoderOptions options_;
  torch::nn::ModuleList levels_{nullptr};
};

/// FCN's decoder: sums the class scores of the context and of the given levels.
/// A 1x1 convolution computes the scores of each.
///
/// Shapes: context [N, context_channels, h, w] -> scores [N, classes, h', w']
///         at the size of the finest level summed.
/// Source: Long et al. 2015, arXiv:1411.4038, section 4.2 and figure 3.
/// Differs: upsampling stays bilinear, whereas FCN learns it, starting from
///          bilinear weights.
class FcnDecoderImpl : public Implements<FcnDecoderImpl, DecoderImpl> {
 public:
  /// `levels` go from coarse to fine: {} for FCN-32s, {k16} for 16s, {k16, k8}
  /// for 8s.
  FcnDecoderImpl(
      const DecoderOptions& options, std::vector<Level> levels, int64_t classes
  );

  void reset() override;
  torch::Tensor forward(const Features& features, const torch::Tensor& context)
      override;
  FeatureGrid grid() const override;
  int64_t out_channels() const override { return classes_; }
  bool gives_scores() const override { return true; }

 private:
  DecoderOptions options_;
  std::vector<Level> levels_;
  int64_t classes_;
  torch::nn::Conv2d score_{nullptr};
  torch::nn::ModuleList level_scores_{nullptr};
};

}  // namespace deeplab::nn
