// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/parts.h"

#include <array>

#include "deeplab/nn/aspp.h"
#include "deeplab/nn/contexts.h"
#include "deeplab/nn/decoders.h"

namespace deeplab::model {
namespace {

using ContextPtr = std::shared_ptr<nn::ContextImpl>;
using DecoderPtr = std::shared_ptr<nn::DecoderImpl>;

ContextPtr make_aspp(
    const DeepLabConfig& config, int64_t in_channels, int64_t num_classes
) {
  const auto& aspp = config.aspp;
  const nn::Rates rates{aspp.rates, static_cast<OutputStride>(aspp.rates_at)};
  if (aspp.fusion == "sum") {
    return std::make_shared<nn::SumAsppImpl>(
        nn::SumAsppOptions(in_channels, num_classes)
            .rates(rates)
            .hidden_channels(aspp.hidden_channels.value_or(0))
            .dropout(aspp.dropout)
    );
  }
  return std::make_shared<nn::AsppImpl>(
      nn::AsppOptions(in_channels)
          .out_channels(aspp.channels)
          .rates(rates)
          .image_pooling(aspp.image_pooling)
          .image_pooling_first(aspp.image_pooling_first)
          .separable(aspp.separable)
          .bare_depthwise(aspp.after_depthwise == "none")
          .project_kernel(aspp.project_kernel)
          .convs(aspp.convs)
          .dropout(aspp.dropout)
  );
}

ContextPtr make_large_fov(
    const DeepLabConfig& config, int64_t in_channels, int64_t /*num_classes*/
) {
  const auto& chosen = config.large_fov;
  return std::make_shared<nn::LargeFovImpl>(
      nn::LargeFovOptions(in_channels)
          .channels(chosen.channels)
          .kernel(chosen.kernel)
          .rate({{chosen.rate}, static_cast<OutputStride>(chosen.rate_at)})
          .dropout(chosen.dropout)
  );
}

ContextPtr make_pyramid_pooling(
    const DeepLabConfig& config, int64_t in_channels, int64_t /*num_classes*/
) {
  return std::make_shared<nn::PyramidPoolingImpl>(
      nn::PyramidPoolingOptions(in_channels)
          .bins(config.pyramid_pooling.bins)
          .alignment(alignment_of(config))
  );
}

ContextPtr make_no_context(
    const DeepLabConfig& /*config*/,
    int64_t in_channels,
    int64_t /*num_classes*/
) {
  return std::make_shared<nn::NoContextImpl>(in_channels);
}

struct ContextEntry {
  const char* name;
  ContextPtr (*make
  )(const DeepLabConfig& config, int64_t in_channels, int64_t num_classes);
  /// The object of config keys that it reads; empty if it has none.
  const char* keys;
  const char* about;
};
constexpr std::array kContexts{
    ContextEntry{
        "aspp", make_aspp, "model.aspp",
        "atrous spatial pyramid pooling (DeepLabV2, V3)"},
    ContextEntry{
        "large_fov", make_large_fov, "model.large_fov",
        "VGG-16's fc6 and fc7 as convolutions (DeepLabV1, FCN)"},
    ContextEntry{
        "pyramid_pooling", make_pyramid_pooling, "model.pyramid_pooling",
        "means over grids of several sizes (PSPNet)"},
    ContextEntry{
        "none", make_no_context, "",
        "the unchanged feature map of the backbone"},
};

DecoderPtr make_bilinear(
    const nn::DecoderOptions& options, int64_t /*num_classes*/
) {
  return std::make_shared<nn::BilinearDecoderImpl>(options);
}

DecoderPtr make_v3plus(
    const nn::DecoderOptions& options, int64_t /*num_classes*/
) {
  return std::make_shared<nn::V3PlusDecoderImpl>(options);
}

DecoderPtr make_unet(
    const nn::DecoderOptions& options, int64_t /*num_classes*/
) {
  return std::make_shared<nn::UnetDecoderImpl>(options);
}

DecoderPtr make_fcn32s(const nn::DecoderOptions& options, int64_t num_classes) {
  return std::make_shared<nn::FcnDecoderImpl>(
      options, std::vector<nn::Level>{}, num_classes
  );
}

DecoderPtr make_fcn16s(const nn::DecoderOptions& options, int64_t num_classes) {
  return std::make_shared<nn::FcnDecoderImpl>(
      options, std::vector{nn::Level::k16}, num_classes
  );
}

DecoderPtr make_fcn8s(const nn::DecoderOptions& options, int64_t num_classes) {
  return std::make_shared<nn::FcnDecoderImpl>(
      options, std::vector{nn::Level::k16, nn::Level::k8}, num_classes
  );
}

struct DecoderEntry {
  const char* name;
  DecoderPtr (*make)(const nn::DecoderOptions& options, int64_t num_classes);
  /// Number of convolutions if model.decoder_options.convs is null.
  int64_t convs;
  const char* about;
};
constexpr std::array kDecoders{
    DecoderEntry{
        "none", make_bilinear, 0,
        "bilinear upsampling of the scores (DeepLabV3)"},
    DecoderEntry{
        "v3plus", make_v3plus, 2,
        "joins low-level features of stride 4 (DeepLabV3+)"},
    DecoderEntry{
        "unet", make_unet, 2, "joins the features of every level (U-Net)"},
    DecoderEntry{"fcn32s", make_fcn32s, 0, "scores of stride 32 (FCN)"},
    DecoderEntry{
        "fcn16s", make_fcn16s, 0, "sum of scores of strides 32 and 16 (FCN)"},
    DecoderEntry{
        "fcn8s", make_fcn8s, 0, "sum of scores of strides 32, 16 and 8 (FCN)"},
};

struct AlignmentEntry {
  const char* name;
  nn::Alignment value;
};
constexpr std::array kAlignments{
    AlignmentEntry{"centres", nn::Alignment::kCentres},
    AlignmentEntry{"edges", nn::Alignment::kEdges},
    AlignmentEntry{"corners", nn::Alignment::kCorners},
};

}  // namespace

nn::Alignment alignment_of(const DeepLabConfig& config) {
  return find_named(kAlignments, "model.alignment", config.alignment).value;
}

Rule known_alignments() { return one_of(names_of(kAlignments)); }
Rule known_contexts() { return one_of(names_of(kContexts)); }
Rule known_decoders() { return one_of(names_of(kDecoders)); }
std::vector<NamedUse> context_uses() { return uses_of(kContexts); }
std::vector<NamedUse> decoder_uses() { return uses_of(kDecoders); }

std::shared_ptr<nn::ContextImpl> make_context(
    const DeepLabConfig& config, int64_t in_channels, int64_t num_classes
) {
  return find_named(kContexts, "model.context", config.context)
      .make(config, in_channels, num_classes);
}

std::shared_ptr<nn::DecoderImpl> make_decoder(
    const DeepLabConfig& config,
    const nn::FeatureChannels& features,
    int64_t context_channels,
    int64_t num_classes
) {
  const auto& chosen = config.decoder_options;
  const auto& entry = find_named(kDecoders, "model.decoder", config.decoder);
  const auto options = nn::DecoderOptions(context_channels, features)
                           .reduced_channels(chosen.low_level_channels)
                           .channels(chosen.channels)
                           .convs(chosen.convs.value_or(entry.convs))
                           .kernel(chosen.kernel)
                           .separable(chosen.separable)
                           .bare_depthwise(chosen.after_depthwise == "none")
                           .dropout(chosen.dropout)
                           .levels(chosen.levels)
                           .low_first(chosen.low_level_first)
                           .alignment(alignment_of(config));
  return entry.make(options, num_classes);
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
