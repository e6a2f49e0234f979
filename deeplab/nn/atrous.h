// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <torch/nn/modules/conv.h>

#include "deeplab/core/output_stride.h"

namespace deeplab::nn {

/// Sets the dilation of one convolution, with the padding that keeps its
/// output size the same for any dilation. Weights are not touched.
void set_dilation(torch::nn::Conv2dImpl& conv, int64_t dilation);

/// Turns strides into dilation while it walks over a backbone's convolutions
/// in the order in which features pass them: once the wanted output stride is
/// reached, a further stride of s becomes a dilation by s of all that follows.
/// The convolution that loses its stride keeps the dilation from before it, so
/// that the dense features, subsampled, equal those of the strided network.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 3.1; the same rule as
/// torchvision's `replace_stride_with_dilation`.
class AtrousPlan {
 public:
  explicit AtrousPlan(OutputStride target)
      : target_(pixels_per_feature(target)) {}

  /// The stem reduces the map by `pixels` and is never dilated.
  void pass_stem(int64_t pixels) { stride_ *= pixels; }

  /// Sets stride and dilation of a convolution whose own stride is `native`.
  void apply(torch::nn::Conv2dImpl& conv, int64_t native);

  /// Sets a 1x1 projection that runs beside a convolution of stride `native`;
  /// call it before apply() of that convolution.
  void apply_beside(torch::nn::Conv2dImpl& conv, int64_t native) const;

 private:
  int64_t kept_stride(int64_t native) const {
    return stride_ * native <= target_ ? native : 1;
  }

  int64_t target_;
  int64_t stride_ = 1;
  int64_t dilation_ = 1;
};

}  // namespace deeplab::nn
