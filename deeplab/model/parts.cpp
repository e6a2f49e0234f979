// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/parts.h"

#include "deeplab/nn/aspp.h"
#include "deeplab/nn/contexts.h"
#include "deeplab/nn/decoders.h"

namespace deeplab::model {
namespace {

nn::AlignCorners corners_of(const DeepLabConfig& config) {
  return config.align_corners ? nn::AlignCorners::kYes : nn::AlignCorners::kNo;
}

std::shared_ptr<nn::ContextImpl> make_aspp(
    const AsppConfig& config, int64_t in_channels, int64_t num_classes
) {
  const nn::Rates rates{
      config.rates, static_cast<OutputStride>(config.rates_at)};
  if (config.fusion == "sum") {
    return std::make_shared<nn::SumAsppImpl>(
        nn::SumAsppOptions(in_channels, num_classes)
            .rates(rates)
            .hidden_channels(config.hidden_channels.value_or(0))
            .dropout(config.dropout)
    );
  }
  return std::make_shared<nn::AsppImpl>(
      nn::AsppOptions(in_channels)
          .out_channels(config.channels)
          .rates(rates)
          .image_pooling(config.image_pooling)
          .image_pooling_first(config.image_pooling_first)
          .separable(config.separable)
          .bare_depthwise(config.after_depthwise == "none")
          .project_kernel(config.project_kernel)
          .convs(config.convs)
          .dropout(config.dropout)
  );
}

}  // namespace

std::shared_ptr<nn::ContextImpl> make_context(
    const DeepLabConfig& config, int64_t in_channels, int64_t num_classes
) {
  if (config.context == "aspp") {
    return make_aspp(config.aspp, in_channels, num_classes);
  }
  if (config.context == "large_fov") {
    const auto& chosen = config.large_fov;
    return std::make_shared<nn::LargeFovImpl>(
        nn::LargeFovOptions(in_channels)
            .channels(chosen.channels)
            .kernel(chosen.kernel)
            .rate({{chosen.rate}, static_cast<OutputStride>(chosen.rate_at)})
            .dropout(chosen.dropout)
    );
  }
  if (config.context == "pyramid_pooling") {
    return std::make_shared<nn::PyramidPoolingImpl>(
        nn::PyramidPoolingOptions(in_channels)
            .bins(config.pyramid_pooling.bins)
            .corners(corners_of(config))
    );
  }
  return std::make_shared<nn::NoContextImpl>(in_channels);
}

std::shared_ptr<nn::DecoderImpl> make_decoder(
    const DeepLabConfig& config,
    const nn::FeatureChannels& features,
    int64_t context_channels,
    int64_t num_classes
) {
  using nn::Level;
  const auto& chosen = config.decoder_options;
  const auto& name = config.decoder;
  const bool refines = name == "v3plus" || name == "unet";
  const auto options = nn::DecoderOptions(context_channels, features)
                           .reduced_channels(chosen.low_level_channels)
                           .channels(chosen.channels)
                           .convs(chosen.convs.value_or(refines ? 2 : 0))
                           .kernel(chosen.kernel)
                           .separable(chosen.separable)
                           .bare_depthwise(chosen.after_depthwise == "none")
                           .dropout(chosen.dropout)
                           .levels(chosen.levels)
                           .low_first(chosen.low_level_first)
                           .corners(corners_of(config));
  const auto fcn = [&](std::vector<Level> levels) {
    return std::make_shared<nn::FcnDecoderImpl>(
        options, std::move(levels), num_classes
    );
  };
  if (name == "v3plus") return std::make_shared<nn::V3PlusDecoderImpl>(options);
  if (name == "unet") return std::make_shared<nn::UnetDecoderImpl>(options);
  if (name == "fcn32s") return fcn({});
  if (name == "fcn16s") return fcn({Level::k16});
  if (name == "fcn8s") return fcn({Level::k16, Level::k8});
  return std::make_shared<nn::BilinearDecoderImpl>(options);
}

std::shared_ptr<nn::DecoderImpl> make_auxiliary(
    const nn::FeatureChannels& features
) {
  const int64_t channels = features.at[nn::Level::k16];
  return std::make_shared<nn::BilinearDecoderImpl>(
      nn::DecoderOptions(channels, features)
          .channels(std::max<int64_t>(1, channels / 4))
          .convs(1)
          .dropout({0.1})
  );
}

}  // namespace deeplab::model
