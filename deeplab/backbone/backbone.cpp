// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/backbone.h"

#include <array>

#include "deeplab/backbone/mobilenet_v2.h"
#include "deeplab/backbone/resnet.h"
#include "deeplab/core/error.h"

namespace deeplab::backbone {
namespace {

struct Entry {
  const char* name;
  std::shared_ptr<BackboneImpl> (*make)();
};

constexpr std::array kBackbones{
    Entry{"resnet18", make_resnet18},
    Entry{"resnet34", make_resnet34},
    Entry{"resnet50", make_resnet50},
    Entry{"resnet101", make_resnet101},
    Entry{"mobilenet_v2", make_mobilenet_v2},
};

const Entry& find(const std::string& name) {
  std::string known;
  for (const auto& entry : kBackbones) {
    if (name == entry.name) return entry;
    known += str(known.empty() ? "" : ", ", entry.name);
  }
  throw ConfigError(str("model.backbone is \"", name, "\"; known: ", known));
}

}  // namespace

std::shared_ptr<BackboneImpl> make_backbone(const std::string& name) {
  return find(name).make();
}

void check_backbone(const std::string& name) { find(name); }

}  // namespace deeplab::backbone
