// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/decoders.h"

#include "deeplab/nn/resize.h"

namespace deeplab::nn {
namespace {

torch::nn::ModuleList make_convs(
    const DecoderOptions& options, int64_t in_channels
) {
  torch::nn::ModuleList convs;
  for (int64_t i = 0; i < options.convs(); ++i) {
    const auto block = ConvBnReluOptions(in_channels, options.channels(), 3)
                           .separable(options.separable());
    convs->push_back(ConvBnRelu(block));
    in_channels = options.channels();
  }
  return convs;
}

torch::Tensor refine(
    const torch::nn::ModuleList& convs, torch::Tensor features
) {
  for (const auto& conv : *convs) {
    features = conv->as<ConvBnReluImpl>()->forward(features);
  }
  return features;
}

int64_t output_channels(const DecoderOptions& options, int64_t in_channels) {
  return options.convs() > 0 ? options.channels() : in_channels;
}

}  // namespace

BilinearDecoderImpl::BilinearDecoderImpl(const DecoderOptions& options)
    : options_(options) {
  reset();
}

void BilinearDecoderImpl::reset() {
  convs_ = register_module(
      "convs", make_convs(options_, options_.context_channels())
  );
}

torch::Tensor BilinearDecoderImpl::forward(
    const Features& /*features*/, const torch::Tensor& context
) {
  return refine(convs_, context);
}

int64_t BilinearDecoderImpl::out_channels() const {
  return output_channels(options_, options_.context_channels());
}

V3PlusDecoderImpl::V3PlusDecoderImpl(const DecoderOptions& options)
    : options_(options) {
  reset();
}

void V3PlusDecoderImpl::reset() {
  reduce_ = register_module(
      "reduce",
      ConvBnRelu(ConvBnReluOptions(
          options_.low_channels(), options_.reduced_channels(), 1
      ))
  );
  convs_ = register_module(
      "convs",
      make_convs(
          options_, options_.context_channels() + options_.reduced_channels()
      )
  );
}

torch::Tensor V3PlusDecoderImpl::forward(
    const Features& features, const torch::Tensor& context
) {
  const auto upsampled = resize_like(context, features.low);
  return refine(convs_, torch::cat({upsampled, reduce_(features.low)}, 1));
}

int64_t V3PlusDecoderImpl::out_channels() const {
  return output_channels(
      options_, options_.context_channels() + options_.reduced_channels()
  );
}

}  // namespace deeplab::nn
