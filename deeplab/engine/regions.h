// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include <torch/types.h>

namespace deeplab::engine {

/// Sizes of connected regions of one class in the truth, by their pixels:
/// small below 32 x 32, large from 96 x 96 on. Source: the COCO evaluation.
enum class RegionSize { kSmall, kMedium, kLarge };
constexpr size_t kRegionSizes = 3;
constexpr std::array<const char*, kRegionSizes> kRegionNames{
    "small", "medium", "large"};

/// The size of the region that each pixel belongs to, as RegionSize; kVoid for
/// void. Pixels that touch at a corner are connected.
///
/// Shapes: labels int64 [H, W] on the CPU -> int64 [H, W].
torch::Tensor region_sizes(const torch::Tensor& labels);

}  // namespace deeplab::engine
