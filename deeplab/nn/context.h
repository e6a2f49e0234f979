// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/module.h>

#include "deeplab/core/output_stride.h"

namespace deeplab::nn {

/// What looks around each pixel of the backbone's last map.
class ContextImpl : public torch::nn::Module {
 public:
  /// Shapes: [N, in_channels, h, w] -> [N, out_channels, h, w].
  virtual torch::Tensor forward(const torch::Tensor& features) = 0;

  /// Spreads the kernels so that they cover the same part of the image as
  /// before; weights are not touched.
  virtual void set_output_stride(OutputStride stride) = 0;

  /// Channels that forward() returns.
  virtual int64_t out_channels() const = 0;

  /// Whether those channels are scores of classes already.
  virtual bool gives_scores() const { return false; }
};

/// The dilations that the paper names for one output stride, at another: the
/// same distance in image pixels, at least 1.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 3.3.
struct Rates {
  std::vector<int64_t> values;
  OutputStride at = OutputStride::k16;

  std::vector<int64_t> for_stride(OutputStride stride) const;
};

}  // namespace deeplab::nn
