// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/arg.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include "deeplab/nn/feature_grid.h"

namespace deeplab::nn {

/// Options for a max pool: `MaxPoolOptions(3).ceil_mode(true)`.
struct MaxPoolOptions {
  explicit MaxPoolOptions(int64_t kernel) : kernel_(kernel) {}

  /// Window size in pixels, 2 or 3.
  TORCH_ARG(int64_t, kernel);
  /// Lets the last window reach past the edge, as Caffe does (PyTorch's
  /// `ceil_mode`).
  TORCH_ARG(bool, ceil_mode) = false;
  /// Applies the dilation that a convolution would get in this place. Caffe's
  /// pools cannot be dilated; set false for weights that were trained there.
  TORCH_ARG(bool, dilatable) = true;
};

/// Max pooling. A window of 3 is centred; a window of 2 extends to the right
/// and to the bottom. At stride 1 the map keeps its size.
///
/// Shapes: [N, C, h, w] -> [N, C, h', w']; above stride 1, the sides are those
///         of torch::nn::MaxPool2d with padding 1 (window of 3) or 0 (window of
///         2).
class MaxPoolImpl : public torch::nn::Cloneable<MaxPoolImpl> {
 public:
  explicit MaxPoolImpl(const MaxPoolOptions& options) : options_(options) {}

  void reset() override {}
  torch::Tensor forward(const torch::Tensor& features);

  /// Sets the stride and the dilation. `dilation` is the one that a convolution
  /// would get in this place; it is ignored unless the pool is `dilatable`.
  void set_stride_and_dilation(int64_t stride, int64_t dilation);

  Window window() const;

 private:
  MaxPoolOptions options_;
  int64_t stride_ = 2;
  int64_t dilation_ = 1;
};
TORCH_MODULE(MaxPool);

}  // namespace deeplab::nn
