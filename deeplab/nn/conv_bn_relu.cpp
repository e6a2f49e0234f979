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
  int64_t stride = options_.stride();
  if (options_.separable() && options_.bare_depthwise()) {
    bare_depthwise_ = register_module(
        "depthwise", torch::nn::Conv2d(torch::nn::Conv2dOptions(in, in, kernel)
                                           .stride(stride)
                                           .groups(in)
                                           .bias(false))
    );
  } else if (options_.separable()) {
    depthwise_ = register_module(
        "depthwise",
        std::make_shared<ConvBnReluImpl>(
            ConvBnReluOptions(in, in, kernel).stride(stride).groups(in)
        )
    );
  }
  if (options_.separable()) {
    kernel = 1;
    stride = 1;
  }
  conv_ = register_module(
      "conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel)
                                    .stride(stride)
                                    .groups(options_.groups())
                                    .bias(false))
  );
  bn_ = register_module("bn", Norm(out));
  set_dilation(options_.dilation());
}

torch::Tensor ConvBnReluImpl::forward(const torch::Tensor& features) {
  auto input = features;
  if (depthwise_) input = depthwise_->forward(features);
  if (bare_depthwise_) input = bare_depthwise_->forward(features);
  return batch_norm_relu(*bn_, conv_(input), ReluCeiling::kNone);
}

void ConvBnReluImpl::set_dilation(int64_t dilation) {
  options_.dilation(dilation);
  if (depthwise_) {
    depthwise_->set_dilation(dilation);
  } else if (bare_depthwise_) {
    nn::set_dilation(*bare_depthwise_, dilation);
  } else {
    nn::set_dilation(*conv_, dilation);
  }
}

}  // namespace deeplab::nn
