// SPDX-License-Identifier: Apache-2.0
#include "apps/run/recognize.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/presets.h"
#include "deeplab/weights/name_map.h"

namespace deeplab::apps {
namespace {

/// The presets for files of other projects.
constexpr std::array kProjectPresets{
    "torchvision", "fcn-resnet50", "vainf",    "jfzhang95", "smp",
    "smp-v3",      "mmseg",        "mmseg-v3", "tf",        "kazuto1011"};
constexpr std::array kBackbones{"resnet101",    "resnet50",   "resnet34",
                                "mobilenet_v2", "xception65", "xception41"};

/// Returns the names and shapes of a network's tensors, without their memory.
weights::StateDict tensors_of(
    const model::DeepLabConfig& config, int64_t num_classes
) {
  const model::DeepLab network(
      config, num_classes, model::StartWeights::kUnset
  );
  weights::StateDict shapes;
  for (const auto& item : weights::state_dict(*network)) {
    shapes.insert(item.key(), item.value().detach().to(torch::kMeta));
  }
  return shapes;
}

bool is_counter(const std::string& name) {
  return name.find("num_batches_tracked") != std::string::npos;
}

/// Returns whether the file has every tensor of the network, and only few
/// others.
bool fills(const weights::StateDict& file, const model::DeepLabConfig& config) {
  const auto classes = count_classes(config, file);
  if (!classes) return false;
  const auto own = tensors_of(config, *classes);
  const auto adopted = weights::adopt_names(file, own);
  for (const auto& item : own) {
    if (is_counter(item.key())) continue;
    const auto* found = adopted.tensors.find(item.key());
    if (found == nullptr || found->sizes() != item.value().sizes()) {
      return false;
    }
  }
  const auto foreign = std::count_if(
      adopted.tensors.begin(), adopted.tensors.end(),
      [&](const auto& item) {
        return !own.contains(item.key()) && !is_counter(item.key());
      }
  );
  return 10 * static_cast<size_t>(foreign) < own.size();
}

}  // namespace

bool has_default_network(const RunConfig& config) {
  return write_config(config.model) == write_config(model::DeepLabConfig{});
}

bool names_no_data(const data::DataConfig& data) {
  return data.kind == data::DataConfig{}.kind && data.classes.empty();
}

std::optional<RecognizedNetwork> recognize_network(
    const weights::StateDict& file, const ConfigRequest& request
) {
  if (fills(file, model::DeepLabConfig{})) return std::nullopt;
  for (const char* name : kProjectPresets) {
    for (const char* backbone : kBackbones) {
      auto with = request;
      with.network = name;
      with.changes.push_back({"model.backbone", backbone});
      try {
        auto config = make_config(Json::object(), with);
        if (!fills(file, config.model)) continue;
        return RecognizedNetwork{
            std::move(config),
            fmt::format(
                "its names are those of --network {} --backbone {}", name,
                backbone
            )};
      } catch (const ConfigError&) {
        // Not every decoder goes with every backbone.
        continue;
      }
    }
  }
  return std::nullopt;
}

std::optional<int64_t> count_classes(
    const model::DeepLabConfig& config, const weights::StateDict& file
) {
  // The tensors that depend on the number of classes differ between the two.
  constexpr int64_t kOne = 5;
  constexpr int64_t kOther = 7;
  const auto one = tensors_of(config, kOne);
  const auto other = tensors_of(config, kOther);
  const auto adopted = weights::adopt_names(file, one);
  for (const auto& item : one) {
    if (item.value().sizes() == other[item.key()].sizes()) continue;
    const auto* found = adopted.tensors.find(item.key());
    if (found == nullptr || found->dim() == 0) continue;
    return std::max<int64_t>(found->size(0), 2);
  }
  return std::nullopt;
}

}  // namespace deeplab::apps
