// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace deeplab::engine {

/// The labels of a band around boundaries, for scores of how well a result
/// follows them; all others become kVoid. A boundary is where two pixels that
/// share a side differ in label, or where one of them is void (Pascal VOC marks
/// its objects' edges so); the band is what `width` dilations by a 3x3 square
/// reach from there.
///
/// Shapes: labels int64 [H, W] -> int64 [H, W]; width >= 1, in pixels.
/// Source: Kohli et al. 2009, "Robust Higher Order Potentials for Enforcing
///         Label Consistency", section 5; DeepLabV3+, section 4.4.
torch::Tensor boundary_band(const torch::Tensor& labels, int64_t width);

}  // namespace deeplab::engine
