// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/conv_bn_relu.h"

#include "deeplab/nn/atrous.h"
#include "deeplab/nn/batch_norm_relu.h"

namespace deeplab::nn {

ConvBnReluImpl::ConvBnReluImpl(const ConvBnReluOptions& options)
    : options_(options) {
  reset();
}

void ConvBnReluImpl::reset() {
  const int64_t in = options_.in_channels();
  const int64_t out = options_.out_channels();
  int64_t kernel = options_.kernel();
  if (options_.separable()) {
    depthwise_ = register_module(
        "depthwise",
        std::make_shared<ConvBnReluImpl>(ConvBnReluOptions(in, in, kernel)
                                             .stride(options_.stride())
                                             .groups(in))
    );
    kernel = 1;
  }
  conv_ = register_module(
      "conv",
      torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel)
                            .stride(depthwise_ ? 1 : options_.stride())
                            .groups(options_.groups())
                            .bias(false))
  );
  bn_ = register_module("bn", torch::nn::BatchNorm2d(out));
  set_dilation(options_.dilation());
}

torch::Tensor ConvBnReluImpl::forward(const torch::Tensor& features) {
  const auto input = depthwise_ ? depthwise_->forward(features) : features;
  return batch_norm_relu(*bn_, conv_(input), ReluCeiling::kNone);
}

void ConvBnReluImpl::set_dilation(int64_t dilation) {
  options_.dilation(dilation);
  if (depthwise_) {
    depthwise_->set_dilation(dilation);
  } else {
    nn::set_dilation(*conv_, dilation);
  }
}

}  // namespace deeplab::nn
