// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/module.h>

#include "deeplab/core/output_stride.h"
#include "deeplab/nn/feature_grid.h"

namespace deeplab::nn {

/// Interface of a context module, which looks at the surroundings of each pixel
/// in the backbone's last feature map.
class ContextImpl : public torch::nn::Module {
 public:
  /// Shapes: [N, in_channels, h, w] -> [N, out_channels, h, w].
  virtual torch::Tensor forward(const torch::Tensor& features) = 0;

  /// Adapts the dilations so that the kernels cover the same part of the image
  /// at another output stride. The weights do not change.
  virtual void set_output_stride(OutputStride stride) = 0;

  /// Returns where the features of forward()'s output look, if those of its
  /// input look at `features`.
  virtual FeatureGrid grid(const FeatureGrid& features) const {
    return features;
  }

  /// Returns the number of channels of forward()'s output.
  virtual int64_t out_channels() const = 0;

  /// Returns true if forward()'s output already consists of class scores.
  virtual bool gives_scores() const { return false; }
};

/// Dilations that a paper gives for one output stride. for_stride() converts
/// them to another output stride: they span the same distance in image pixels,
/// but are at least 1.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 3.3.
struct Rates {
  std::vector<int64_t> values;
  OutputStride at = OutputStride::k16;

  std::vector<int64_t> for_stride(OutputStride stride) const;
};

}  // namespace deeplab::nn
