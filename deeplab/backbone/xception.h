// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/backbone/backbone.h"

namespace deeplab::backbone {

/// Xception: as Chollet drew it ("xception"), and modified and aligned as
/// DeepLabV3+ was shipped (41, 65, 71: middle flows of 8, 16, 16 blocks). The
/// three changes of the paper are options, so that they can be told apart:
/// `middle_blocks` 8 or 16, `downsampling` max_pool or separable,
/// `after_depthwise` none, bn or bn_relu. Parameters carry timm's names. The
/// map of a level is the second separable convolution of the block that then
/// shrinks it: 256 channels at stride 4.
/// Throws: ConfigError naming the option.
/// Source: Chollet 2017, arXiv:1610.02357, figure 5; Chen et al. 2018,
///         arXiv:1802.02611, section 3.2 and figure 4.
/// Differs: from the paper's words, as the released weights do: 41, 65 and 71
///          have a batch norm but no ReLU between depthwise and pointwise
///          (`after_depthwise` "bn_relu" is the paper's), except in the last
///          three convolutions. From Chollet: every 3x3 pads by 1, so that any
///          image has features.
Recipe prepare_xception(const BackboneOptions& options);
Recipe prepare_xception41(const BackboneOptions& options);
Recipe prepare_xception65(const BackboneOptions& options);
Recipe prepare_xception71(const BackboneOptions& options);

}  // namespace deeplab::backbone
