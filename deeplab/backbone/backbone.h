// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <torch/nn/module.h>

#include "deeplab/core/output_stride.h"
#include "deeplab/nn/features.h"

namespace deeplab::backbone {

/// A classification network cut off before its pooling, with features at
/// stride 4 and at any output stride. Parameters carry torchvision's names.
///
/// Shapes: [N, 3, H, W] -> nn::Features, any H, W >= 1.
class BackboneImpl : public virtual torch::nn::Module {
 public:
  virtual nn::Features forward(const torch::Tensor& images) = 0;

  /// Trades strides for dilation; weights are not touched.
  virtual void set_output_stride(OutputStride stride) = 0;

  virtual int64_t low_channels() const = 0;
  virtual int64_t high_channels() const = 0;
};

/// Builds a backbone by name, at output stride 32, with random weights.
/// Throws: ConfigError that lists the known names.
std::shared_ptr<BackboneImpl> make_backbone(const std::string& name);

/// Throws: what make_backbone() would, without building anything.
void check_backbone(const std::string& name);

}  // namespace deeplab::backbone
