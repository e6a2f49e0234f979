// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include <torch/types.h>

namespace deeplab::nn {

/// The depths at which a backbone is tapped for detail, named for the stride
/// that the map has while nothing is dilated. A level belongs to a stage, not
/// to a size: at output stride 8 the maps of k8 and k16 are equally large.
enum class Level : size_t { k2, k4, k8, k16 };
constexpr std::array kLevels{Level::k2, Level::k4, Level::k8, Level::k16};

/// One value for each level.
template <class Value>
class PerLevel {
 public:
  Value& operator[](Level level) { return values_[static_cast<size_t>(level)]; }
  const Value& operator[](Level level) const {
    return values_[static_cast<size_t>(level)];
  }

 private:
  std::array<Value, kLevels.size()> values_{};
};

/// What a backbone hands to the head.
struct Features {
  /// [N, channels, h, w] each: early features with fine detail.
  PerLevel<torch::Tensor> at;
  /// [N, channels, h, w], h and w about H and W over the output stride.
  torch::Tensor high;
};

/// Channels of each map of Features.
struct FeatureChannels {
  PerLevel<int64_t> at;
  int64_t high = 0;
};

}  // namespace deeplab::nn
