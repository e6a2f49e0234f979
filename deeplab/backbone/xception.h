// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/backbone/backbone.h"

namespace deeplab::backbone {

/// Xception: Chollet's original ("xception"), and the modified aligned Xception
/// as the DeepLabV3+ weights were released (41, 65, 71: middle flows of 8, 16,
/// 16 blocks). The paper's three changes are options, so that each can be
/// studied on its own: `middle_blocks` 8 or 16, `downsampling` max_pool or
/// separable, `after_depthwise` none, bn or bn_relu. Parameters have timm's
/// names. The map of a level is the output of the second separable convolution
/// in the block that then reduces the resolution: 256 channels at stride 4.
/// Throws: ConfigError naming the option.
/// Source: Chollet 2017, arXiv:1610.02357, figure 5; Chen et al. 2018,
///         arXiv:1802.02611, section 3.2 and figure 4.
/// Differs: from the DeepLabV3+ paper's text, as the released weights do: 41,
///          65 and 71 have a batch norm but no ReLU between depthwise and
///          pointwise convolutions (`after_depthwise` "bn_relu" gives the
///          paper's form), except in the last three separable convolutions,
///          which have both. From Chollet: every 3x3 convolution is padded by
///          1, so that an image of any size has features.
Recipe prepare_xception(const BackboneOptions& options);
Recipe prepare_xception41(const BackboneOptions& options);
Recipe prepare_xception65(const BackboneOptions& options);
Recipe prepare_xception71(const BackboneOptions& options);

}  // namespace deeplab::backbone
