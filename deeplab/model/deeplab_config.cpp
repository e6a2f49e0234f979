// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/deeplab_config.h"

#include <algorithm>

#include <fmt/core.h>

#include "deeplab/backbone/backbone.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"

namespace deeplab::model {

Rule known_backbones() { return one_of(backbone::backbone_names()); }

void rename_former_keys(Json& model) {
  constexpr const char* kFormer = "align_corners";
  if (!model.is_object() || !model.contains(kFormer)) return;
  const auto& corners = model[kFormer];
  if (!corners.is_boolean()) {
    throw ConfigError(fmt::format(
        "model.align_corners is {}; expected true or false (its new name is model.alignment: corners or edges)",
        corners.dump()
    ));
  }
  if (!model.contains("alignment")) {
    model["alignment"] = corners.get<bool>() ? "corners" : "edges";
  }
  model.erase(kFormer);
}

void DeepLabConfig::validate() const {
  backbone::prepare_backbone(backbone, backbone_options);
  check_config(*this, "model");
  if (aspp.fusion == "sum" && aspp.rates.empty()) {
    throw ConfigError(
        "model.aspp.rates is empty; fusion \"sum\" needs at least one"
    );
  }
  if (!scales.empty() && std::count(scales.begin(), scales.end(), 1.0) != 1) {
    throw ConfigError(
        "model.scales must contain 1 exactly once, e.g. [0.5, 0.75, 1]"
    );
  }
  const bool has_scores = context == "aspp" && aspp.fusion == "sum";
  const bool refines = decoder_options.convs.value_or(0) > 0;
  if (has_scores && (decoder != "none" || refines)) {
    throw ConfigError(
        "model.aspp.fusion is \"sum\", whose output is the class scores; model.decoder must be none, without convolutions (model.decoder_options.convs)"
    );
  }
}

void DeepLabConfig::check_output_stride(
    OutputStride stride, const std::string& subject
) const {
  const auto recipe = backbone::prepare_backbone(backbone, backbone_options);
  backbone::check_output_stride(stride, recipe.max_output_stride, subject);
}

}  // namespace deeplab::model
