// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <torch/nn/modules/conv.h>

#include "deeplab/core/output_stride.h"
#include "deeplab/nn/max_pool.h"

namespace deeplab::nn {

/// A convolution without bias, of an odd kernel, that keeps the map's size.
torch::nn::Conv2d make_conv(int64_t in, int64_t out, int64_t kernel);

/// Sets the dilation of one convolution, with the padding that keeps its
/// output size the same for any dilation (odd kernels). Weights are not
/// touched.
void set_dilation(torch::nn::Conv2dImpl& conv, int64_t dilation);

/// What becomes of the convolution that loses its stride.
enum class LostStride {
  /// It keeps the dilation from before it: dense features, subsampled, equal
  /// those of the strided network. As torchvision and TensorFlow do.
  kKeepsDilation,
  /// It takes the dilation of all that follows, as jfzhang95's ResNet does.
  kTakesDilation,
};

/// Turns strides into dilation while it walks over a backbone's convolutions
/// in the order in which features pass them: once the wanted output stride is
/// reached, a further stride of s becomes a dilation by s of all that follows.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 3.1.
class AtrousPlan {
 public:
  AtrousPlan(OutputStride target, LostStride rule)
      : target_(pixels_per_feature(target)), rule_(rule) {}

  /// The stem reduces the map by `pixels` and is never dilated.
  void pass_stem(int64_t pixels) { stride_ *= pixels; }

  /// Multiplies the dilation of the convolutions that follow, until the next
  /// call. Source: Chen et al. 2017, section 3.2.1 ("multi-grid").
  void set_grid(int64_t factor) { grid_ = factor; }

  /// Sets stride and dilation of a convolution whose own stride is `native`.
  void apply(torch::nn::Conv2dImpl& conv, int64_t native);
  void apply(MaxPoolImpl& pool, int64_t native);

  /// The stride that a layer of stride `native` keeps at this place, for a
  /// projection or shortcut beside it; ask before apply() of that layer.
  int64_t kept_stride(int64_t native) const {
    return stride_ * native <= target_ ? native : 1;
  }

 private:
  /// The dilation for a layer of stride `native`, which it then passes.
  int64_t pass(int64_t native);

  int64_t target_;
  LostStride rule_;
  int64_t stride_ = 1;
  int64_t dilation_ = 1;
  int64_t grid_ = 1;
};

}  // namespace deeplab::nn
