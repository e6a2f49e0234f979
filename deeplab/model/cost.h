// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "deeplab/model/deeplab.h"

namespace deeplab::model {

/// What counts as a multiply-add.
enum class CountRule {
  /// Each product of each convolution.
  kPlain,
  /// As the tables of DeepLabV3+ were counted: an atrous convolution of rate r
  /// on a map padded to a multiple of r, and half a multiply-add for each
  /// normed value. Source: inferred from tables 3 and 5 of Chen et al.
  /// 2018, arXiv:1802.02611, which it gives within 0.5 %.
  kPaper,
};

/// What to count.
struct CostOptions {
  int64_t height = 513;
  int64_t width = 513;
  /// Sizes of the image, each a pass: (side - 1) * scale + 1, as TensorFlow.
  std::vector<double> scales = {1};
  /// Each pass twice.
  bool flip = false;
  CountRule rule = CountRule::kPlain;
};

/// One convolution, as it ran for the first scale.
struct LayerCost {
  /// Its module, e.g. "backbone.layer1.0.conv1".
  std::string name;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t groups = 1;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  /// Side of the square of input pixels that one output value can depend on;
  /// infinite after image pooling.
  double receptive_field = 1;
  /// Its own and those of the norm after it.
  int64_t parameters = 0;
  double multiply_adds = 0;
};

/// What a network costs.
struct NetworkCost {
  std::vector<LayerCost> layers;
  int64_t parameters = 0;
  /// Of all scales and flips.
  double multiply_adds = 0;
};

/// Counts a forward pass of a network on the CPU, in evaluation mode, without
/// computing it. The network's mode is restored.
NetworkCost measure_cost(DeepLab network, const CostOptions& options);

/// Convolutions of stride 1 whose rate is as wide as their map: wherever they
/// stand, their outer taps see padding, so that no image of this size trains
/// them.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 3.3 and figure 4.
std::vector<LayerCost> degenerate_layers(const NetworkCost& cost);

}  // namespace deeplab::model
