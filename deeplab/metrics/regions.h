// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include <torch/types.h>

namespace deeplab::metrics {

/// Sizes of the connected regions of one class in the truth, by number of
/// pixels: small is below 32 x 32, large from 96 x 96 on.
/// Source: the COCO evaluation.
enum class RegionSize { kSmall, kMedium, kLarge };
constexpr size_t kRegionSizes = 3;
constexpr std::array<const char*, kRegionSizes> kRegionNames{
    "small", "medium", "large"};

/// Returns the RegionSize of the region that each pixel belongs to, or kVoid
/// for void pixels. Regions are 8-connected.
///
/// Shapes: labels int64 [H, W] on the CPU -> int64 [H, W].
torch::Tensor region_sizes(const torch::Tensor& labels);

}  // namespace deeplab::metrics
