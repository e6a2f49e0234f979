// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/presets.h"

#include <array>

#include <fmt/core.h>

#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"

namespace deeplab::model {
namespace {

/// Normalization of the input images.
struct Input {
  std::array<double, 3> mean;
  std::array<double, 3> deviation;
};
constexpr Input kImageNet{{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
/// Caffe's input: 0..255 minus the mean (which Caffe gives in BGR order).
constexpr double kByte = 1.0 / 255;
constexpr Input kCaffe{
    {122.675 * kByte, 116.669 * kByte, 104.008 * kByte}, {kByte, kByte, kByte}};
/// TensorFlow's input: -1..1.
constexpr Input kPlusMinusOne{{0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}};

struct Row {
  const char* name;
  const char* about;
  /// The row whose config this one changes; null for the defaults of
  /// DeepLabConfig.
  const char* base;
  /// Keys of `model` that differ from the base, as JSON.
  const char* changes;
  OutputStride stride;
  const Input& input;
};

constexpr auto k8 = OutputStride::k8;
constexpr auto k16 = OutputStride::k16;
constexpr auto k32 = OutputStride::k32;

constexpr std::array kPresets{
    Row{"deeplabv1-vgg16-largefov",
        "DeepLabV1, arXiv:1412.7062, table 2: fc6 3x3 at rate 12", nullptr,
        R"({"backbone": "vgg16", "backbone_options": {"pool_kernel": 3,
            "ceil_mode": true, "dilate_pools": false, "average_pool": true},
            "context": "large_fov", "decoder": "none"})",
        k8, kCaffe},
    Row{"deeplabv2-vgg16",
        "DeepLabV2, arXiv:1606.00915, table 3: ASPP-L, four fc6-fc7-fc8",
        nullptr,
        R"({"backbone": "vgg16", "backbone_options": {"pool_kernel": 3,
            "ceil_mode": true, "dilate_pools": false},
            "aspp": {"fusion": "sum", "rates": [6, 12, 18, 24], "rates_at": 8,
            "hidden_channels": 1024, "dropout": 0.5}, "decoder": "none"})",
        k8, kCaffe},
    Row{"deeplabv2-resnet101",
        "DeepLabV2, arXiv:1606.00915, table 4: ASPP-L, three scales", nullptr,
        R"({"backbone": "resnet101", "backbone_options":
            {"stride_in": "first_1x1", "ceil_mode": true},
            "aspp": {"fusion": "sum", "rates": [6, 12, 18, 24], "rates_at": 8},
            "decoder": "none", "scales": [0.5, 0.75, 1]})",
        k8, kCaffe},
    Row{"deeplabv3-resnet50",
        "DeepLabV3, arXiv:1706.05587, table 5: MG (1,2,4), image pooling",
        nullptr,
        R"({"backbone": "resnet50", "backbone_options": {"stem": "beta",
            "stride_in": "last_3x3", "multi_grid": [1, 2, 4]},
            "decoder": "none"})",
        k16, kImageNet},
    Row{"deeplabv3-resnet101", "DeepLabV3, arXiv:1706.05587, table 6",
        "deeplabv3-resnet50", R"({"backbone": "resnet101"})", k16, kImageNet},
    Row{"deeplabv3plus-resnet101", "DeepLabV3+, arXiv:1802.02611, table 3",
        "deeplabv3-resnet101",
        R"({"backbone_options": {"low_level": "before_relu"},
            "decoder": "v3plus"})",
        k16, kImageNet},
    Row{"deeplabv3plus-xception65",
        "DeepLabV3+, arXiv:1802.02611, table 5, separable ASPP and decoder",
        nullptr,
        R"({"backbone": "xception65", "aspp": {"separable": true},
            "decoder": "v3plus", "decoder_options": {"separable": true}})",
        k16, kPlusMinusOne},
    Row{"deeplabv3plus-xception41",
        "as deeplabv3plus-xception65, with 8 middle blocks",
        "deeplabv3plus-xception65", R"({"backbone": "xception41"})", k16,
        kPlusMinusOne},
    Row{"deeplabv3plus-xception71",
        "DeepLabV3+, arXiv:1802.02611, table 7: no image pooling",
        "deeplabv3plus-xception65",
        R"({"backbone": "xception71", "aspp": {"image_pooling": false}})", k16,
        kPlusMinusOne},
    Row{"deeplabv3plus-mobilenetv2",
        "DeepLabV3+ on MobileNetV2, arXiv:1801.04381, separable", nullptr,
        R"({"backbone": "mobilenet_v2", "aspp": {"separable": true},
            "decoder": "v3plus", "decoder_options": {"separable": true}})",
        k16, kImageNet},
    Row{"fcn8s-vgg16",
        "FCN-8s, arXiv:1411.4038: fc6 7x7, skips of pool4 and pool3", nullptr,
        R"({"backbone": "vgg16", "context": "large_fov",
            "large_fov": {"kernel": 7, "rate": 1, "rate_at": 32,
            "channels": 4096}, "decoder": "fcn8s"})",
        k32, kCaffe},
    Row{"fcn-resnet50", "torchvision's fcn_resnet50, with its auxiliary head",
        nullptr,
        R"({"backbone": "resnet50", "context": "none", "decoder": "none",
            "decoder_options": {"convs": 1, "channels": 512,
            "dropout": [0.1]}, "auxiliary_weight": 0.5,
            "alignment": "edges"})",
        k8, kImageNet},
    Row{"fcn-resnet101", "torchvision's fcn_resnet101, with its auxiliary head",
        "fcn-resnet50", R"({"backbone": "resnet101"})", k8, kImageNet},
    Row{"pspnet-resnet50",
        "PSPNet, arXiv:1612.01105: bins 1, 2, 3, 6, auxiliary loss", nullptr,
        R"({"backbone": "resnet50", "context": "pyramid_pooling",
            "decoder": "none", "decoder_options": {"convs": 1,
            "channels": 512, "dropout": [0.1]}, "auxiliary_weight": 0.4})",
        k8, kImageNet},
    Row{"pspnet-resnet101", "as pspnet-resnet50, on ResNet-101",
        "pspnet-resnet50", R"({"backbone": "resnet101"})", k8, kImageNet},
    Row{"unet-resnet34", "U-Net, arXiv:1505.04597, over ResNet-34", nullptr,
        R"({"backbone": "resnet34", "context": "none", "decoder": "unet"})",
        k32, kImageNet},
    Row{"torchvision",
        "files of torchvision's deeplabv3_resnet101 (or another backbone)",
        nullptr,
        R"({"backbone": "resnet101", "aspp": {"dropout": 0.5},
            "decoder": "none", "decoder_options": {"convs": 1},
            "auxiliary_weight": 0.5,
            "alignment": "edges"})",
        k8, kImageNet},
    Row{"vainf",
        "files of VainF/DeepLabV3Plus-Pytorch, deeplabv3plus_resnet101",
        nullptr,
        R"({"backbone": "resnet101", "decoder": "v3plus", "decoder_options":
            {"low_level_first": true, "convs": 1},
            "alignment": "edges"})",
        k16, kImageNet},
    Row{"jfzhang95",
        "files of jfzhang95/pytorch-deeplab-xception, deeplab-resnet", nullptr,
        R"({"backbone": "resnet101", "backbone_options":
            {"multi_grid": [1, 2, 4], "dilate_first": true},
            "aspp": {"dropout": 0.5}, "decoder": "v3plus",
            "decoder_options": {"dropout": [0.5, 0.1]},
            "alignment": "corners"})",
        k16, kImageNet},
    Row{"kazuto1011",
        "files of kazuto1011/deeplab-pytorch, deeplabv2_resnet101_msc",
        "deeplabv2-resnet101", R"({"alignment": "edges"})", k8, kCaffe},
    Row{"smp",
        "files of segmentation_models.pytorch, DeepLabV3Plus on ResNet-101",
        nullptr,
        R"({"backbone": "resnet101", "backbone_options":
            {"dilate_first": true}, "aspp": {"rates": [12, 24, 36],
            "separable": true, "after_depthwise": "none", "convs": 1,
            "dropout": 0.5}, "decoder": "v3plus", "decoder_options":
            {"convs": 1, "separable": true, "after_depthwise": "none"},
            "alignment": "corners"})",
        k16, kImageNet},
    Row{"smp-v3",
        "files of segmentation_models.pytorch, DeepLabV3 on ResNet-101",
        nullptr,
        R"({"backbone": "resnet101", "backbone_options":
            {"dilate_first": true}, "aspp": {"rates": [12, 24, 36],
            "rates_at": 8, "dropout": 0.5}, "decoder": "none",
            "decoder_options": {"convs": 1}, "alignment": "corners"})",
        k8, kImageNet},
    Row{"mmseg", "files of mmsegmentation, deeplabv3plus_r101-d8", nullptr,
        R"({"backbone": "resnet101", "backbone_options": {"stem": "deep"},
            "aspp": {"channels": 512, "rates": [12, 24, 36], "rates_at": 8,
            "image_pooling_first": true, "separable": true,
            "project_kernel": 3, "dropout": 0}, "decoder": "v3plus",
            "decoder_options": {"channels": 512, "separable": true,
            "dropout": [0, 0.1]}, "auxiliary_weight": 0.4,
            "alignment": "edges"})",
        k8, kImageNet},
    Row{"mmseg-v3", "files of mmsegmentation, deeplabv3_r101-d8", "mmseg",
        R"({"aspp": {"separable": false, "dropout": 0.1}, "decoder": "none",
            "decoder_options": {"dropout": []}})",
        k8, kImageNet},
    Row{"tf",
        "TensorFlow's xception65 models: image pooling first, align_corners",
        "deeplabv3plus-xception65",
        R"({"aspp": {"image_pooling_first": true}, "alignment": "corners"})",
        k16, kPlusMinusOne},
    Row{"timm",
        "timm's xception65 as backbone: feature maps are taken after ReLU",
        "deeplabv3plus-xception65",
        R"({"backbone_options": {"low_level": "after_relu"},
            "alignment": "edges"})",
        k16, kPlusMinusOne},
};

const Row& find(const std::string& name) {
  for (const auto& row : kPresets) {
    if (name == row.name) return row;
  }
  const auto known = names_of(kPresets);
  throw ConfigError(fmt::format(
      "preset \"{}\" is not known; known: {}{}", name, list_names(known),
      suggest_name(name, known)
  ));
}

Json changes_of(const Row& row) {
  Json json = row.base == nullptr ? Json::object() : changes_of(find(row.base));
  json.merge_patch(parse_json(row.changes, row.name));
  return json;
}

}  // namespace

Preset preset(const std::string& name) {
  const auto& row = find(name);
  return {
      row.name,
      row.about,
      read_config<DeepLabConfig>(changes_of(row), row.name),
      row.stride,
      {row.input.mean.begin(), row.input.mean.end()},
      {row.input.deviation.begin(), row.input.deviation.end()}};
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const auto& row : kPresets) names.emplace_back(row.name);
  return names;
}

}  // namespace deeplab::model
