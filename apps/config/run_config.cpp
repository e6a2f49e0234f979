// SPDX-License-Identifier: Apache-2.0
#include "apps/config/run_config.h"

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "apps/config/protocols.h"
#include "data/kinds.h"
#include "deeplab/core/error.h"
#include "deeplab/core/output_stride.h"
#include "deeplab/engine/batch_norm.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/presets.h"

namespace deeplab::apps {
namespace {

const char* const kPreset = "preset";

/// Replaces the preset's name, if there is one, by the preset's settings. Other
/// keys of the config override them.
Json expand_preset(Json config) {
  const auto model = config.find("model");
  if (model == config.end()) return config;
  if (model->is_string()) *model = Json{{kPreset, *model}};
  if (!model->is_object() || !model->contains(kPreset)) return config;
  const auto name = (*model)[kPreset];
  if (!name.is_string()) {
    throw ConfigError(
        fmt::format("model.preset is {}; expected a preset's name", name.dump())
    );
  }
  model->erase(kPreset);
  const auto preset = model::preset(name.get<std::string>());
  Json expanded;
  expanded["model"] = write_config(preset.config);
  expanded["data"]["mean"] = preset.mean;
  expanded["data"]["std"] = preset.deviation;
  expanded["train"]["output_stride"] = pixels_per_feature(preset.output_stride);
  expanded.merge_patch(config);
  return expanded;
}

constexpr const char* kCrf = "crf";

/// Replaces the name of a CRF, if there is one, by its parameters.
Json expand_crf(Json config) {
  const auto evaluate = config.find("evaluate");
  if (evaluate == config.end() || !evaluate->is_object()) return config;
  const auto crf = evaluate->find(kCrf);
  if (crf != evaluate->end() && crf->is_string()) {
    *crf = write_config(crf::read_crf_config(crf->get<std::string>()));
  }
  return config;
}

/// Small batches are rejected only if the network has batch norms. This is
/// known only once the network is built, so it is built only if the check for
/// networks with batch norms fails.
void validate_training(
    const RunConfig& config, int64_t num_classes, int64_t processes
) {
  const auto check = [&](bool batch_norms) {
    config.train.validate(num_classes, batch_norms);
    config.train.validate_processes(processes, batch_norms);
  };
  try {
    check(/*batch_norms=*/true);
  } catch (const ConfigError&) {
    const model::DeepLab network(
        config.model, num_classes, model::StartWeights::kUnset
    );
    check(engine::has_batch_norm(*network));
  }
}

}  // namespace

Json rename_former_keys(Json config) {
  if (!config.is_object()) return config;
  const auto data = config.find("data");
  if (data != config.end() && data->is_object() && data->contains("void") &&
      (*data)["void"].is_number()) {
    (*data)["void"] = Json::array({(*data)["void"]});
  }
  const auto model = config.find("model");
  if (model != config.end()) model::rename_former_keys(*model);
  return config;
}

RunConfig read_run_config(const Json& json) {
  return read_config<RunConfig>(
      json.is_object()
          ? expand_crf(expand_preset(expand_protocol(rename_former_keys(json))))
          : json,
      ""
  );
}

OutputStride RunConfig::train_stride() const {
  return to_output_stride(train.output_stride, "train.output_stride");
}

OutputStride RunConfig::evaluate_stride() const {
  if (!evaluate.output_stride) return train_stride();
  return to_output_stride(*evaluate.output_stride, "evaluate.output_stride");
}

engine::InferenceOptions RunConfig::inference() const {
  auto options = evaluate.inference();
  // With other alignments, features are not drawn where they look, and pieces
  // of the window's own size are closer to what the network was trained on.
  if (model.alignment == "centres") {
    options.stride = pixels_per_feature(evaluate_stride());
  }
  return options;
}

engine::InferenceOptions EvaluateConfig::inference() const {
  check_config(*this, "evaluate");
  if (!window.empty() && window.size() != 2) {
    throw ConfigError(fmt::format(
        "evaluate.window is {}; expected [height, width], each >= 16",
        Json(window).dump()
    ));
  }
  engine::InferenceOptions options;
  options.scales = scales;
  options.flip = flip;
  using engine::SizingRule;
  options.sizing = sizing == "pytorch"      ? SizingRule::kPyTorch
                   : sizing == "tensorflow" ? SizingRule::kTensorFlow
                                            : SizingRule::kCentres;
  if (!window.empty()) options.window = ImageSize{window[0], window[1]};
  options.batch_size = batch_size;
  options.overlap = overlap;
  return options;
}

void set_key(Json& config, const std::string& key, const Json& value) {
  const auto dot = key.find('.');
  if (dot == std::string::npos) {
    config[key] = value;
    return;
  }
  const auto outer = key.substr(0, dot);
  if (!config.contains(outer)) config[outer] = Json::object();
  auto& inner = config[outer];
  if (inner.is_string() && key.compare(0, dot, "model") == 0) {
    inner = Json{{kPreset, inner}};
  }
  if (inner.is_string() && key.compare(0, dot, kCrf) == 0) {
    inner = write_config(crf::read_crf_config(inner.get<std::string>()));
  }
  if (!inner.is_object()) {
    throw ConfigError(fmt::format(
        "{}: {} is {}; expected an object", key, outer, inner.dump()
    ));
  }
  set_key(inner, key.substr(dot + 1), value);
}

std::vector<std::string> differing_keys(const Json& one, const Json& other) {
  const auto flat_one = one.flatten();
  const auto flat_other = other.flatten();
  std::set<std::string> keys;
  const auto collect = [&](const Json& from, const Json& against) {
    for (const auto& item : from.items()) {
      const auto found = against.find(item.key());
      if (found == against.end() || *found != item.value()) {
        std::string key = item.key().substr(1);
        std::replace(key.begin(), key.end(), '/', '.');
        keys.insert(key);
      }
    }
  };
  collect(flat_one, flat_other);
  collect(flat_other, flat_one);
  return {keys.begin(), keys.end()};
}

void validate(const RunConfig& config, int64_t num_classes) {
  validate(config, num_classes, /*processes=*/1);
}

void validate(const RunConfig& config, int64_t num_classes, int64_t processes) {
  config.model.validate();
  config.data.validate();
  config.augment.validate();
  validate_training(config, num_classes, processes);
  config.model.check_output_stride(
      config.train_stride(), "train.output_stride"
  );
  config.model.check_output_stride(
      config.evaluate_stride(), "evaluate.output_stride"
  );
  config.evaluate.inference();
  if (config.evaluate.crf) config.evaluate.crf->options();
  check_config(config.log, "log");
}

void record_classes(RunConfig& config, const Classes& classes) {
  config.data.classes = classes.names;
  config.data.colors.clear();
  for (const auto& color : classes.colors) {
    config.data.colors.emplace_back(color.begin(), color.end());
  }
  if (!data::has_fixed_classes(config.data.kind)) {
    config.data.values = classes.values;
  }
}

}  // namespace deeplab::apps
