// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "deeplab/model/deeplab.h"

namespace deeplab::model {

/// Rule by which multiply-adds are counted.
enum class CountRule {
  /// Counts each product of each convolution.
  kPlain,
  /// Counts as the tables of DeepLabV3+ do: the feature map of an atrous
  /// convolution of rate r is padded to a multiple of r, and each value that is
  /// normalized adds half a multiply-add.
  /// Source: inferred from tables 3 and 5 of Chen et al. 2018,
  ///         arXiv:1802.02611, which this rule reproduces within 0.5 %.
  kPaper,
};

/// Settings of measure_cost().
struct CostOptions {
  int64_t height = 513;
  int64_t width = 513;
  /// Scales of the image, one forward pass each. A scaled side has (side - 1) *
  /// scale + 1 pixels, as in TensorFlow.
  std::vector<double> scales = {1};
  /// Counts each pass twice, for the mirrored image.
  bool flip = false;
  CountRule rule = CountRule::kPlain;
};

/// Cost of one convolution at the first scale.
struct LayerCost {
  /// Name of the module, e.g. "backbone.layer1.0.conv1".
  std::string name;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t groups = 1;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  /// Side in input pixels of the square that an output value can depend on;
  /// infinite after image pooling.
  double receptive_field = 1;
  /// Parameters of the convolution and of the norm that follows it.
  int64_t parameters = 0;
  double multiply_adds = 0;
};

/// Cost of a network.
struct NetworkCost {
  std::vector<LayerCost> layers;
  int64_t parameters = 0;
  /// Sum over all scales and flips.
  double multiply_adds = 0;
};

/// Counts the operations of a forward pass on the CPU in evaluation mode,
/// without computing it. The network's training mode is restored.
NetworkCost measure_cost(DeepLab network, const CostOptions& options);

/// Returns the convolutions of stride 1 whose outer taps lie in the padding at
/// every position, because their rate is as large as the feature map. Images of
/// this size do not train those taps.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 3.3 and figure 4.
std::vector<LayerCost> degenerate_layers(const NetworkCost& cost);

}  // namespace deeplab::model
