// SPDX-License-Identifier: Apache-2.0
#pragma once

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

}  // namespace deeplab::nn
