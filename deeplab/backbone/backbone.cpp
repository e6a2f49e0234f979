// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/backbone.h"

#include <array>
#include <sstream>

#include <fmt/core.h>

#include "deeplab/backbone/mobilenet_v2.h"
#include "deeplab/backbone/resnet.h"
#include "deeplab/backbone/vgg.h"
#include "deeplab/backbone/xception.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"
#include "deeplab/nn/initialize.h"
#include "deeplab/nn/onednn_limit.h"

namespace deeplab::backbone {
namespace {

struct Entry {
  const char* name;
  Recipe (*prepare)(const BackboneOptions& options);
  /// The options that this backbone has, separated by spaces; all have
  /// batch_norm_eps.
  const char* keys;
  const char* about;
};

constexpr auto kResNetKeys =
    "stem stride_in multi_grid cascade dilate_first ceil_mode low_level";
constexpr auto kVggKeys = "pool_kernel ceil_mode dilate_pools average_pool";
constexpr auto kXceptionKeys =
    "multi_grid after_depthwise downsampling middle_blocks entry_flow low_level";

constexpr std::array kBackbones{
    Entry{
        "vgg16", prepare_vgg16, kVggKeys,
        "VGG-16 (Simonyan and Zisserman 2014; DeepLabV1, V2, FCN)"},
    Entry{"vgg16_bn", prepare_vgg16_bn, kVggKeys, "VGG-16 with batch norm"},
    Entry{
        "resnet18", prepare_resnet18, kResNetKeys,
        "ResNet-18 (He et al. 2015)"},
    Entry{
        "resnet34", prepare_resnet34, kResNetKeys,
        "ResNet-34 (He et al. 2015)"},
    Entry{
        "resnet50", prepare_resnet50, kResNetKeys,
        "ResNet-50 (He et al. 2015)"},
    Entry{
        "resnet101", prepare_resnet101, kResNetKeys,
        "ResNet-101 (He et al. 2015)"},
    Entry{
        "resnet152", prepare_resnet152, kResNetKeys,
        "ResNet-152 (He et al. 2015)"},
    Entry{
        "xception", prepare_xception, kXceptionKeys,
        "Xception as in its paper (Chollet 2016)"},
    Entry{
        "xception41", prepare_xception41, kXceptionKeys,
        "modified aligned Xception of 41 layers (Chen et al. 2018)"},
    Entry{
        "xception65", prepare_xception65, kXceptionKeys,
        "modified aligned Xception of 65 layers (Chen et al. 2018)"},
    Entry{
        "xception71", prepare_xception71, kXceptionKeys,
        "modified aligned Xception of 71 layers (Chen et al. 2018)"},
    Entry{
        "mobilenet_v2", prepare_mobilenet_v2, "width",
        "MobileNetV2 (Sandler et al. 2018)"},
};

/// Throws ConfigError for an option that is set although the backbone lacks it.
struct KeyCheck {
  const Entry& entry;

  template <class Value, class... Description>
  void operator()(
      const std::string& key,
      std::optional<Value>& value,
      const Description&... /*description*/
  ) const {
    if (!value || key == "batch_norm_eps") return;
    std::istringstream known(entry.keys);
    std::string word;
    while (known >> word) {
      if (word == key) return;
    }
    throw ConfigError(fmt::format(
        "model.backbone_options.{} is set, but is not an option of {}; known: {} batch_norm_eps",
        key, entry.name, entry.keys
    ));
  }
};

}  // namespace

torch::autograd::variable_list BackboneImpl::run_unit(
    torch::nn::Module& unit,
    nn::PartForward forward,
    const torch::Tensor& features
) const {
  if (!recomputes_) return forward(features);
  return nn::recompute(unit, std::move(forward), features);
}

void BackboneImpl::set_output_stride(OutputStride stride) {
  check_output_stride(stride, max_output_stride(), "output stride");
  grids_ = apply_output_stride(stride);
  for (const auto level : nn::kLevels) {
    TORCH_CHECK(
        grids_.at[level].step > 1 && grids_.high.step > 1,
        "a backbone must say where the features of each level look"
    );
  }
}

void check_output_stride(
    OutputStride stride, OutputStride most, const std::string& subject
) {
  if (pixels_per_feature(stride) <= pixels_per_feature(most)) return;
  throw ConfigError(fmt::format(
      "{} is {}; must be at most {} for this backbone (a ResNet allows more with model.backbone_options.cascade)",
      subject, pixels_per_feature(stride), pixels_per_feature(most)
  ));
}

Recipe prepare_backbone(
    const std::string& name, const BackboneOptions& options
) {
  const auto& entry = find_named(kBackbones, "model.backbone", name);
  const KeyCheck check{entry};
  auto copy = options;
  copy.fields(check);
  check_config(options, "model.backbone_options");
  return entry.prepare(options);
}

std::shared_ptr<BackboneImpl> make_backbone(
    const std::string& name, const BackboneOptions& options
) {
  nn::limit_onednn_to_avx();
  auto network = prepare_backbone(name, options).build();
  network->set_output_stride(network->max_output_stride());
  if (options.batch_norm_eps) {
    nn::set_batch_norm_eps(*network, *options.batch_norm_eps);
  }
  return network;
}

std::vector<NamedUse> backbone_uses() { return uses_of(kBackbones); }

std::vector<std::string> backbone_names() { return names_of(kBackbones); }

}  // namespace deeplab::backbone
