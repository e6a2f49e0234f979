// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/arg.h>
#include <torch/nn/cloneable.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

namespace deeplab::nn {

/// How to build one pool: `MaxPoolOptions(3).ceil_mode(true)`.
struct MaxPoolOptions {
  explicit MaxPoolOptions(int64_t kernel) : kernel_(kernel) {}

  /// Side of the square window, 2 or 3.
  TORCH_ARG(int64_t, kernel);
  /// Whether a last window may reach past the edge (Caffe does it).
  TORCH_ARG(bool, ceil_mode) = false;
  /// Whether windows are spread where convolutions are; Caffe could not.
  TORCH_ARG(bool, dilatable) = true;
};

/// Maximum of each window. A window of 3 is centred; one of 2 reaches right
/// and down. At stride 1 the map keeps its size.
///
/// Shapes: [N, C, h, w] -> [N, C, h / stride, w / stride], rounded.
class MaxPoolImpl : public torch::nn::Cloneable<MaxPoolImpl> {
 public:
  explicit MaxPoolImpl(const MaxPoolOptions& options) : options_(options) {}

  void reset() override {}
  torch::Tensor forward(const torch::Tensor& features);

  /// `dilation` is that of a convolution in this place.
  void set_stride_and_dilation(int64_t stride, int64_t dilation);

 private:
  MaxPoolOptions options_;
  int64_t stride_ = 2;
  int64_t dilation_ = 1;
};
TORCH_MODULE(MaxPool);

}  // namespace deeplab::nn
