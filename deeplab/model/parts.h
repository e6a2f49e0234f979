// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "deeplab/core/names.h"
#include "deeplab/model/deeplab_config.h"
#include "deeplab/nn/context.h"
#include "deeplab/nn/decoder.h"
#include "deeplab/nn/resize.h"

namespace deeplab::model {

/// Returns the alignment that a config names.
nn::Alignment alignment_of(const DeepLabConfig& config);

/// Builds the context module that a config names.
std::shared_ptr<nn::ContextImpl> make_context(
    const DeepLabConfig& config, int64_t in_channels, int64_t num_classes
);

/// Builds the decoder that a config names.
std::shared_ptr<nn::DecoderImpl> make_decoder(
    const DeepLabConfig& config,
    const nn::FeatureChannels& features,
    int64_t context_channels,
    int64_t num_classes
);

/// Builds the auxiliary head, whose loss supports training: one 3x3 convolution
/// to a quarter of the channels of the stride-16 features.
/// Source: Zhao et al. 2017, arXiv:1612.01105, section 3.3; torchvision's
///         FCNHead.
std::shared_ptr<nn::DecoderImpl> make_auxiliary(
    const nn::FeatureChannels& features
);

/// The context modules and the decoders with one line about each.
std::vector<NamedUse> context_uses();
std::vector<NamedUse> decoder_uses();

}  // namespace deeplab::model
