// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include <torch/types.h>

#include "deeplab/nn/feature_grid.h"

namespace deeplab::nn {

/// The depths of a backbone whose maps are returned for their detail, named
/// after the stride of the map if nothing is dilated. A level belongs to a
/// stage, not to a size: at output stride 8 the maps of k8 and k16 are equally
/// large.
enum class Level : size_t { k2, k4, k8, k16 };
constexpr std::array kLevels{Level::k2, Level::k4, Level::k8, Level::k16};

/// Returns the stride after which a level is named.
constexpr int64_t pixels_of(Level level) {
  return int64_t{2} << static_cast<size_t>(level);
}

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

/// The feature maps that a backbone returns.
struct Features {
  /// Early features with fine detail, [N, channels, h, w] each.
  PerLevel<torch::Tensor> at;
  /// The last map, [N, channels, h, w], where h and w are about H and W divided
  /// by the output stride.
  torch::Tensor high;
};

/// Says where the features of each map in Features look.
struct FeatureGrids {
  PerLevel<FeatureGrid> at;
  FeatureGrid high;
};

/// Number of channels of each map in Features.
struct FeatureChannels {
  PerLevel<int64_t> at;
  int64_t high = 0;
};

}  // namespace deeplab::nn
