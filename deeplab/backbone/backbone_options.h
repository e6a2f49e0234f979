// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace deeplab::backbone {

/// Forms of the backbones, as config key `model.backbone_options`. What is
/// unset is as each backbone's header says; the table in backbone.cpp says
/// which backbone knows which key.
struct BackboneOptions {
  /// ResNet's first layers: "conv7" (one 7x7), "beta" (three 3x3 of 64, 64,
  /// 128 channels, as TensorFlow's resnet_v1_*_beta) or "deep" (32, 32, 64, as
  /// mmsegmentation's ResNetV1c and timm's resnet*c).
  std::optional<std::string> stem;
  /// Where a ResNet stage strides: "first_3x3" (torchvision), "first_1x1"
  /// (Caffe) or "last_3x3" (TensorFlow: the last unit of the stage before).
  std::optional<std::string> stride_in;
  /// Factors on the dilation of the last stage's units (Xception: of its last
  /// three convolutions). Source: Chen et al. 2017, section 3.2.1.
  std::optional<std::vector<int64_t>> multi_grid;
  /// Copies of ResNet's last stage after it: 0 to 3, block5 to block7, each
  /// halving the map while nothing is dilated. Source: as multi_grid, 3.2.
  std::optional<int64_t> cascade;
  /// Whether a ResNet convolution that loses its stride is dilated already.
  std::optional<bool> dilate_first;
  /// Whether pools round up (Caffe).
  std::optional<bool> ceil_mode;
  /// VGG-16's pools: windows of 2 or 3.
  std::optional<int64_t> pool_kernel;
  /// Whether VGG-16's pools that lose their stride are dilated as
  /// convolutions are; Caffe could not.
  std::optional<bool> dilate_pools;
  /// DeepLabV1's pool5a, a 3x3 mean after VGG-16's last pool.
  std::optional<bool> average_pool;
  /// MobileNetV2's width multiplier. Source: Sandler et al. 2018, section 5.
  std::optional<double> width;
  /// Xception between depthwise and pointwise: "none" (Chollet's), "bn" (as
  /// DeepLabV3+ was shipped) or "bn_relu" (as its paper says, section 3.2).
  std::optional<std::string> after_depthwise;
  /// How Xception shrinks its maps: "max_pool" (Chollet's) or "separable" (a
  /// third, strided separable convolution; V3+, section 3.2).
  std::optional<std::string> downsampling;
  /// Blocks of Xception's middle flow: 8 or 16 in the papers.
  std::optional<int64_t> middle_blocks;
  /// Xception's entry flow: "xception65" (blocks of 128, 256, 728) or
  /// "xception71" (five blocks).
  std::optional<std::string> entry_flow;
  /// Which map decoders get of a unit: "after_relu", or "before_relu"
  /// (TensorFlow: ResNet's last convolution before its sum, Xception's second
  /// separable convolution before the next ReLU).
  std::optional<std::string> low_level;
  /// Added to the variance in every batch norm of the backbone.
  std::optional<double> batch_norm_eps;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("stem", stem);
    visit("stride_in", stride_in);
    visit("multi_grid", multi_grid);
    visit("cascade", cascade);
    visit("dilate_first", dilate_first);
    visit("ceil_mode", ceil_mode);
    visit("pool_kernel", pool_kernel);
    visit("dilate_pools", dilate_pools);
    visit("average_pool", average_pool);
    visit("width", width);
    visit("after_depthwise", after_depthwise);
    visit("downsampling", downsampling);
    visit("middle_blocks", middle_blocks);
    visit("entry_flow", entry_flow);
    visit("low_level", low_level);
    visit("batch_norm_eps", batch_norm_eps);
  }
};

/// The place of `value` in `known`, e.g. for an enum in the same order.
/// Throws: ConfigError naming model.backbone_options.KEY.
size_t choice(
    const char* key,
    const std::string& value,
    const std::vector<std::string>& known
);

}  // namespace deeplab::backbone
