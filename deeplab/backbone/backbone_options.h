// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deeplab/core/config_rule.h"

namespace deeplab::backbone {

// Values of the keys below, in the order of the enums that they are turned
// into.
constexpr std::array kStems{"conv7", "beta", "deep"};
constexpr std::array kStridesIn{"first_3x3", "first_1x1", "last_3x3"};
constexpr std::array kAfterDepthwise{"none", "bn", "bn_relu"};
constexpr std::array kDownsamplings{"max_pool", "separable"};
constexpr std::array kEntryFlows{"xception65", "xception71"};
constexpr std::array kLowLevels{"after_relu", "before_relu"};

/// Returns the index of `name`, which is one of `names`: the rules of the keys
/// below have seen to it.
template <size_t kCount>
size_t place_of(
    const std::string& name, const std::array<const char*, kCount>& names
) {
  return static_cast<size_t>(
      std::find(names.begin(), names.end(), name) - names.begin()
  );
}

/// Forms of the backbones, as config key `model.backbone_options`. A key that
/// is unset has the value that each backbone's header names; the table in
/// backbone.cpp says which backbone has which key. fields() says what each key
/// is for.
struct BackboneOptions {
  std::optional<std::string> stem;
  std::optional<std::string> stride_in;
  std::optional<std::vector<int64_t>> multi_grid;
  std::optional<int64_t> cascade;
  std::optional<bool> dilate_first;
  std::optional<bool> ceil_mode;
  std::optional<int64_t> pool_kernel;
  std::optional<bool> dilate_pools;
  std::optional<bool> average_pool;
  std::optional<double> width;
  std::optional<std::string> after_depthwise;
  std::optional<std::string> downsampling;
  std::optional<int64_t> middle_blocks;
  std::optional<std::string> entry_flow;
  std::optional<std::string> low_level;
  std::optional<double> batch_norm_eps;

  template <class Visitor>
  void fields(Visitor& visit) {
    resnet_fields(visit);
    vgg_and_mobilenet_fields(visit);
    xception_fields(visit);
  }

 private:
  template <class Visitor>
  void resnet_fields(Visitor& visit) {
    visit(
        "stem", stem, one_of(kStems),
        "ResNet: first layers, one 7x7 convolution (conv7), three 3x3 of 64, 64, 128 channels (beta: TensorFlow's resnet_v1_*_beta), or of 32, 32, 64 (deep: mmsegmentation's ResNetV1c, timm's resnet*c)."
    );
    visit(
        "stride_in", stride_in, one_of(kStridesIn),
        "ResNet: the convolution that has a stage's stride: its first 3x3 (torchvision), its first 1x1 (Caffe), or the 3x3 of the last unit of the previous stage (TensorFlow)."
    );
    visit(
        "multi_grid", multi_grid, between(1, 1024),
        "Factors on the dilation, one for each unit of ResNet's last stage, or for each convolution of Xception's last block (three; two for xception).",
        "Chen et al. 2017, arXiv:1706.05587, section 3.2.1"
    );
    visit(
        "cascade", cascade, between(0, 3),
        "ResNet: number of copies of the last stage after it (block5 to block7). Each halves the feature map as long as nothing is dilated.",
        "Chen et al. 2017, arXiv:1706.05587, section 3.2"
    );
    visit(
        "dilate_first", dilate_first,
        "ResNet: whether a convolution whose stride is removed is itself dilated already."
    );
  }

  template <class Visitor>
  void vgg_and_mobilenet_fields(Visitor& visit) {
    visit(
        "ceil_mode", ceil_mode,
        "Whether pooling rounds the size of its output up, as Caffe does."
    );
    visit(
        "pool_kernel", pool_kernel, one_of_numbers({2, 3}),
        "VGG-16: side of the pooling windows.",
        "Chen et al. 2014, arXiv:1412.7062, section 3.1, as released (3)"
    );
    visit(
        "dilate_pools", dilate_pools,
        "VGG-16: whether pooling whose stride is removed is dilated, as convolutions are; Caffe could not do this."
    );
    visit(
        "average_pool", average_pool,
        "VGG-16: whether a 3x3 average pooling follows the last max pooling (DeepLabV1's pool5a)."
    );
    visit(
        "width", width, width_range(),
        "MobileNetV2: factor on the channels of every layer.",
        "Sandler et al. 2018, arXiv:1801.04381, section 5"
    );
  }

  template <class Visitor>
  void xception_fields(Visitor& visit) {
    visit(
        "after_depthwise", after_depthwise, one_of(kAfterDepthwise),
        "Xception: what follows a depthwise convolution: nothing (Chollet's), batch norm (DeepLabV3+ as released), or batch norm and ReLU (DeepLabV3+ as in the paper).",
        "Chen et al. 2018, arXiv:1802.02611, section 3.2"
    );
    visit(
        "downsampling", downsampling, one_of(kDownsamplings),
        "Xception: what halves a feature map: max pooling (Chollet's), or a third separable convolution, with stride 2.",
        "Chen et al. 2018, arXiv:1802.02611, section 3.2"
    );
    visit(
        "middle_blocks", middle_blocks, between(1, 1000),
        "Xception: number of blocks of the middle flow, 8 or 16 in the papers.",
        "Chen et al. 2018, arXiv:1802.02611, figure 4"
    );
    visit(
        "entry_flow", entry_flow, one_of(kEntryFlows),
        "Xception: entry flow, with blocks of 128, 256, 728 channels (xception65) or with five blocks (xception71)."
    );
    visit(
        "low_level", low_level, one_of(kLowLevels),
        "Which feature map of a unit decoders read: after its ReLU, or before it (TensorFlow: ResNet's last convolution before the sum, Xception's second separable convolution)."
    );
    visit(
        "batch_norm_eps", batch_norm_eps, above(0),
        "Added to the variance in every batch norm of the backbone."
    );
  }

  static Rule width_range() {
    return {
        [](double width) { return width > 0 && width <= 10; },
        "above 0 and at most 10"};
  }
};

}  // namespace deeplab::backbone
