// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include "deeplab/backbone/backbone.h"
#include "deeplab/core/output_stride.h"
#include "deeplab/model/deeplab_config.h"
#include "deeplab/nn/aspp.h"
#include "deeplab/nn/decoder.h"

namespace deeplab::model {

/// DeepLabV3 (decoder "none") and DeepLabV3+ ("v3plus"): backbone, ASPP,
/// decoder, 1x1 classifier, and the logits upsampled to the image.
///
/// Shapes: float [N, 3, H, W] -> logits [N, num_classes, H, W], any H, W >= 1.
/// Parameters live in channels_last; so does every map inside.
/// Throws: ConfigError from the constructor.
/// Source: Chen et al. 2017, arXiv:1706.05587; 2018, arXiv:1802.02611.
/// Differs: ResNet's low-level features are layer1's output, as in the PyTorch
/// projects, not the convolution before its last sum, as in TensorFlow's.
class DeepLabImpl : public torch::nn::Cloneable<DeepLabImpl> {
 public:
  /// Weights are random, out of torch's global generator.
  DeepLabImpl(const DeepLabConfig& config, int64_t num_classes);

  void reset() override;
  torch::Tensor forward(const torch::Tensor& images);

  /// Changes strides, dilations and ASPP rates together, without touching
  /// weights: a network trained at 16 evaluates at 8.
  void set_output_stride(OutputStride stride);
  OutputStride output_stride() const noexcept { return stride_; }

  const DeepLabConfig& config() const noexcept { return config_; }
  int64_t num_classes() const noexcept { return num_classes_; }

 private:
  DeepLabConfig config_;
  int64_t num_classes_;
  OutputStride stride_ = OutputStride::k16;
  std::shared_ptr<backbone::BackboneImpl> backbone_;
  nn::Aspp aspp_{nullptr};
  std::shared_ptr<nn::DecoderImpl> decoder_;
  torch::nn::Conv2d classifier_{nullptr};
};
TORCH_MODULE(DeepLab);

}  // namespace deeplab::model
