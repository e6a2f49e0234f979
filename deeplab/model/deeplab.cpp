// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/deeplab.h"

#include <torch/nn/init.h>

#include "deeplab/core/error.h"
#include "deeplab/nn/decoders.h"
#include "deeplab/nn/initialize.h"
#include "deeplab/nn/resize.h"

namespace deeplab::model {
namespace {

/// Standard deviation of the classifier's first weights: near zero, so that
/// training starts from near-equal scores.
constexpr double kClassifierSpread = 0.01;

nn::AsppOptions aspp_options(const AsppConfig& config, int64_t in_channels) {
  return nn::AsppOptions(in_channels)
      .out_channels(config.channels)
      .rates(config.rates)
      .image_pooling(config.image_pooling)
      .separable(config.separable)
      .dropout(config.dropout);
}

std::shared_ptr<nn::DecoderImpl> make_decoder(
    const DeepLabConfig& config, int64_t low_channels
) {
  const auto& chosen = config.decoder_options;
  const bool v3plus = config.decoder == "v3plus";
  const auto options = nn::DecoderOptions(config.aspp.channels, low_channels)
                           .reduced_channels(chosen.low_level_channels)
                           .channels(chosen.channels)
                           .convs(chosen.convs.value_or(v3plus ? 2 : 0))
                           .separable(chosen.separable);
  if (v3plus) return std::make_shared<nn::V3PlusDecoderImpl>(options);
  return std::make_shared<nn::BilinearDecoderImpl>(options);
}

void use_channels_last(torch::nn::Module& module) {
  for (auto& parameter : module.parameters()) {
    if (parameter.dim() != 4) continue;
    parameter.set_data(
        parameter.detach().contiguous(torch::MemoryFormat::ChannelsLast)
    );
  }
}

}  // namespace

DeepLabImpl::DeepLabImpl(const DeepLabConfig& config, int64_t num_classes)
    : config_(config), num_classes_(num_classes) {
  config_.validate();
  if (num_classes < 2) {
    throw ConfigError(
        str("the number of classes is ", num_classes, "; must be >= 2")
    );
  }
  reset();
}

void DeepLabImpl::reset() {
  backbone_ = backbone::make_backbone(config_.backbone);
  register_module("backbone", backbone_);
  aspp_ = register_module(
      "aspp", nn::Aspp(aspp_options(config_.aspp, backbone_->high_channels()))
  );
  decoder_ = make_decoder(config_, backbone_->low_channels());
  register_module("decoder", decoder_);
  classifier_ = register_module(
      "classifier",
      torch::nn::Conv2d(
          torch::nn::Conv2dOptions(decoder_->out_channels(), num_classes_, 1)
      )
  );
  nn::initialize(*this);
  torch::nn::init::normal_(classifier_->weight, 0, kClassifierSpread);
  use_channels_last(*this);
  set_output_stride(stride_);
}

torch::Tensor DeepLabImpl::forward(const torch::Tensor& images) {
  TORCH_CHECK(
      images.dim() == 4 && images.size(1) == 3 && images.numel() > 0,
      "DeepLab: expected [N, 3, H, W], none of them 0, got ",
      images.sizes()
  );
  const auto features =
      backbone_->forward(images.contiguous(torch::MemoryFormat::ChannelsLast));
  const auto decoded =
      decoder_->forward(features, aspp_->forward(features.high));
  return nn::resize_like(classifier_->forward(decoded), images);
}

void DeepLabImpl::set_output_stride(OutputStride stride) {
  constexpr int64_t kRatesAreFor = 16;
  stride_ = stride;
  backbone_->set_output_stride(stride);
  auto rates = config_.aspp.rates;
  for (auto& rate : rates) {
    rate =
        std::max<int64_t>(1, rate * kRatesAreFor / pixels_per_feature(stride));
  }
  aspp_->set_rates(rates);
}

}  // namespace deeplab::model
