// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <torch/nn/modules/conv.h>

#include "deeplab/core/output_stride.h"
#include "deeplab/nn/feature_grid.h"
#include "deeplab/nn/max_pool.h"

namespace deeplab::nn {

/// Returns a convolution without bias whose padding keeps the map's size at
/// stride 1; `kernel` must be odd.
torch::nn::Conv2d make_conv(int64_t in, int64_t out, int64_t kernel);

/// Sets the dilation of a convolution with an odd kernel, and the padding that
/// keeps its output size the same for any dilation. The weights do not change.
void set_dilation(torch::nn::Conv2dImpl& conv, int64_t dilation);

/// Returns the window of a convolution, as its padding and dilation make it.
Window window_of(const torch::nn::Conv2dImpl& conv);

/// Dilation of a convolution whose stride is removed so that the feature map
/// does not shrink below the wanted output stride.
enum class LostStride {
  /// The convolution keeps the dilation of the layers before it, so that the
  /// dense features, subsampled, equal the features of the strided network.
  /// torchvision and TensorFlow do this.
  kKeepsDilation,
  /// The convolution gets the larger dilation of all layers after it.
  /// jfzhang95's ResNet does this.
  kTakesDilation,
};

/// Turns strides into dilation. It visits the convolutions of a backbone in the
/// order of the forward pass: once the wanted output stride is reached, each
/// further stride of s is removed and multiplies the dilation of all following
/// layers by s. On its way, it derives where the features look.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 3.1.
class AtrousPlan {
 public:
  AtrousPlan(OutputStride target, LostStride rule)
      : target_(pixels_per_feature(target)), rule_(rule) {}

  /// Moves past a layer of the stem, which keeps its stride and is never
  /// dilated.
  void pass_stem(const Window& layer);

  /// Multiplies the dilation of the following convolutions by `factor`, until
  /// the next call. Source: Chen et al. 2017, section 3.2.1 ("multi-grid").
  void set_multi_grid(int64_t factor) { multi_grid_ = factor; }

  /// Sets the stride and the dilation of the next layer, whose own stride is
  /// `native`.
  void apply(torch::nn::Conv2dImpl& conv, int64_t native);
  void apply(MaxPoolImpl& pool, int64_t native);

  /// Returns the stride that the next layer keeps if its own stride is
  /// `native`. A projection or shortcut parallel to that layer needs the same
  /// stride; call this before apply() of that layer.
  int64_t kept_stride(int64_t native) const {
    return stride_ * native <= target_ ? native : 1;
  }

  /// Returns where the outputs of the last layer look.
  const FeatureGrid& grid() const noexcept { return grid_; }

 private:
  /// Moves on past a layer of stride `native` and returns its dilation.
  int64_t pass(int64_t native);

  int64_t target_;
  LostStride rule_;
  int64_t stride_ = 1;
  int64_t dilation_ = 1;
  int64_t multi_grid_ = 1;
  FeatureGrid grid_;
};

}  // namespace deeplab::nn
