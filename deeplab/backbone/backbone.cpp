// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/backbone.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "deeplab/backbone/mobilenet_v2.h"
#include "deeplab/backbone/resnet.h"
#include "deeplab/backbone/vgg.h"
#include "deeplab/backbone/xception.h"
#include "deeplab/core/error.h"
#include "deeplab/nn/hidden_caches.h"
#include "deeplab/nn/initialize.h"

namespace deeplab::backbone {
namespace {

struct Entry {
  const char* name;
  Recipe (*prepare)(const BackboneOptions& options);
  /// The keys of BackboneOptions that it knows, beside batch_norm_eps.
  const char* keys;
};

constexpr auto kResNetKeys =
    "stem stride_in multi_grid cascade dilate_first ceil_mode low_level";
constexpr auto kVggKeys = "pool_kernel ceil_mode dilate_pools average_pool";
constexpr auto kXceptionKeys =
    "multi_grid after_depthwise downsampling middle_blocks entry_flow "
    "low_level";

constexpr std::array kBackbones{
    Entry{"vgg16", prepare_vgg16, kVggKeys},
    Entry{"vgg16_bn", prepare_vgg16_bn, kVggKeys},
    Entry{"resnet18", prepare_resnet18, kResNetKeys},
    Entry{"resnet34", prepare_resnet34, kResNetKeys},
    Entry{"resnet50", prepare_resnet50, kResNetKeys},
    Entry{"resnet101", prepare_resnet101, kResNetKeys},
    Entry{"resnet152", prepare_resnet152, kResNetKeys},
    Entry{"xception", prepare_xception, kXceptionKeys},
    Entry{"xception41", prepare_xception41, kXceptionKeys},
    Entry{"xception65", prepare_xception65, kXceptionKeys},
    Entry{"xception71", prepare_xception71, kXceptionKeys},
    Entry{"mobilenet_v2", prepare_mobilenet_v2, "width"},
};

const Entry& find(const std::string& name) {
  std::string known;
  for (const auto& entry : kBackbones) {
    if (name == entry.name) return entry;
    known += str(known.empty() ? "" : ", ", entry.name);
  }
  throw ConfigError(str("model.backbone is \"", name, "\"; known: ", known));
}

/// Refuses an option that is set but not among the keys.
struct KeyCheck {
  const Entry& entry;

  template <class Value>
  void operator()(const std::string& key, std::optional<Value>& value) const {
    if (!value || key == "batch_norm_eps") return;
    std::istringstream known(entry.keys);
    std::string word;
    while (known >> word) {
      if (word == key) return;
    }
    throw ConfigError(
        str("model.backbone_options.",
            key,
            " is set; ",
            entry.name,
            " knows: ",
            entry.keys,
            " batch_norm_eps")
    );
  }
};

}  // namespace

size_t choice(
    const char* key,
    const std::string& value,
    const std::vector<std::string>& known
) {
  const auto found = std::find(known.begin(), known.end(), value);
  if (found != known.end()) {
    return static_cast<size_t>(found - known.begin());
  }
  std::string all;
  for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
  throw ConfigError(
      str("model.backbone_options.", key, " is \"", value, "\"; known: ", all)
  );
}

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
  apply_output_stride(stride);
}

void check_output_stride(
    OutputStride stride, OutputStride most, const std::string& subject
) {
  if (pixels_per_feature(stride) <= pixels_per_feature(most)) return;
  throw ConfigError(
      str(subject,
          " is ",
          pixels_per_feature(stride),
          "; this backbone reaches ",
          pixels_per_feature(most),
          " (a ResNet more, by model.backbone_options.cascade)")
  );
}

Recipe prepare_backbone(
    const std::string& name, const BackboneOptions& options
) {
  const auto& entry = find(name);
  const KeyCheck check{entry};
  auto copy = options;
  copy.fields(check);
  if (options.batch_norm_eps && !(*options.batch_norm_eps > 0)) {
    throw ConfigError(
        str("model.backbone_options.batch_norm_eps is ",
            *options.batch_norm_eps,
            "; must be > 0")
    );
  }
  return entry.prepare(options);
}

std::shared_ptr<BackboneImpl> make_backbone(
    const std::string& name, const BackboneOptions& options
) {
  nn::keep_convolutions_right();
  const auto network = prepare_backbone(name, options).build();
  network->set_output_stride(network->max_output_stride());
  if (options.batch_norm_eps) {
    nn::set_batch_norm_eps(*network, *options.batch_norm_eps);
  }
  return network;
}

std::vector<std::string> backbone_names() {
  std::vector<std::string> names;
  for (const auto& entry : kBackbones) names.emplace_back(entry.name);
  return names;
}

}  // namespace deeplab::backbone
