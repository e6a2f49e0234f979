// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/modules/container/modulelist.h>

#include "deeplab/nn/conv_bn_relu.h"
#include "deeplab/nn/decoder.h"

namespace deeplab::nn {

/// Adds nothing from the low-level features: 3x3 convolutions (none in the
/// paper, one in torchvision) at the resolution of the context.
///
/// Shapes: context [N, context_channels, h, w] -> [N, channels, h, w].
/// Source: Chen et al. 2017, arXiv:1706.05587, figure 5; the "naive decoder"
/// of Chen et al. 2018.
class BilinearDecoderImpl : public DecoderImpl,
                            public torch::nn::Cloneable<BilinearDecoderImpl> {
 public:
  explicit BilinearDecoderImpl(const DecoderOptions& options);

  void reset() override;
  torch::Tensor forward(const Features& features, const torch::Tensor& context)
      override;
  int64_t out_channels() const override;

 private:
  DecoderOptions options_;
  torch::nn::ModuleList convs_{nullptr};
};

/// Reduces the low-level features to few channels, joins them to the upsampled
/// context as [context, low], and refines both by 3x3 convolutions.
///
/// Shapes: context [N, context_channels, h, w], features.low [N, low_channels,
/// H/4, W/4] -> [N, channels, H/4, W/4].
/// Source: Chen et al. 2018, arXiv:1802.02611, section 3.1 and figure 2.
class V3PlusDecoderImpl : public DecoderImpl,
                          public torch::nn::Cloneable<V3PlusDecoderImpl> {
 public:
  explicit V3PlusDecoderImpl(const DecoderOptions& options);

  void reset() override;
  torch::Tensor forward(const Features& features, const torch::Tensor& context)
      override;
  int64_t out_channels() const override;

 private:
  DecoderOptions options_;
  ConvBnRelu reduce_{nullptr};
  torch::nn::ModuleList convs_{nullptr};
};

}  // namespace deeplab::nn
