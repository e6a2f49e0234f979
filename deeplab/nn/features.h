// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace deeplab::nn {

/// What a backbone hands to the head.
struct Features {
  /// [N, low_channels, ceil(H/4), ceil(W/4)]: early features with fine detail.
  torch::Tensor low;
  /// [N, high_channels, h, w], h and w about H and W over the output stride.
  torch::Tensor high;
};

}  // namespace deeplab::nn
