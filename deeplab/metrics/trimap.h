// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace deeplab::metrics {

/// Returns the labels in a band around boundaries and kVoid elsewhere, for
/// scores that measure how well a prediction follows the boundaries. A boundary
/// lies between two pixels that share a side and differ in label, and at void
/// pixels, with which Pascal VOC marks the outlines of objects. The band is
/// what `width` dilations of the boundary by a 3x3 square reach.
///
/// Shapes: labels int64 [H, W] -> int64 [H, W]; width >= 1, in pixels.
/// Source: Kohli et al. 2009, "Robust Higher Order Potentials for Enforcing
///         Label Consistency", section 5; DeepLabV3+, section 4.4.
torch::Tensor boundary_band(const torch::Tensor& labels, int64_t width);

}  // namespace deeplab::metrics
