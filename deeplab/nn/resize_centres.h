// SPDX-License-Identifier: Apache-2.0
// Alignment::kCentres of resize.h.
#pragma once

#include <vector>

#include <torch/types.h>

#include "deeplab/nn/feature_grid.h"

namespace deeplab::nn {

/// Resizes features that look at `from` to the size of `like`, whose features
/// look at `to`; see resize_like().
torch::Tensor resize_centres(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const FeatureGrid& from,
    const FeatureGrid& to
);

/// Calls at::upsample_bilinear2d. For bfloat16 on the CPU, for which LibTorch
/// has no vectorised kernel, a detour through float32 makes it some six times
/// as fast.
torch::Tensor upsample(
    const torch::Tensor& features,
    const std::vector<int64_t>& size,
    bool keeps_corners
);

}  // namespace deeplab::nn
