// SPDX-License-Identifier: Apache-2.0
#include "apps/run_config.h"

#include <algorithm>
#include <set>

#include "apps/protocols.h"
#include "deeplab/core/error.h"
#include "deeplab/core/output_stride.h"
#include "deeplab/engine/batch_norm.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/presets.h"

namespace deeplab::apps {
namespace {

const char* const kPreset = "preset";

/// The config with the preset that it names, if any, written out beneath it.
Json expand_preset(Json config) {
  const auto model = config.find("model");
  if (model == config.end()) return config;
  if (model->is_string()) *model = Json{{kPreset, *model}};
  if (!model->is_object() || !model->contains(kPreset)) return config;
  const auto name = (*model)[kPreset];
  if (!name.is_string()) {
    throw ConfigError(
        str("model.preset is ", name.dump(), "; expected a preset's name")
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

/// The config with the CRF that it names, if any, written out.
Json expand_crf(Json config) {
  const auto evaluate = config.find("evaluate");
  if (evaluate == config.end() || !evaluate->is_object()) return config;
  const auto crf = evaluate->find(kCrf);
  if (crf != evaluate->end() && crf->is_string()) {
    *crf = write_config(read_crf_config(crf->get<std::string>()));
  }
  return config;
}

/// Only a network that is built tells whether it has batch norms, by which
/// small batches are refused.
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

RunConfig read_run_config(const Json& json) {
  return read_config<RunConfig>(
      json.is_object() ? expand_crf(expand_preset(expand_protocol(json)))
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

engine::InferenceOptions EvaluateConfig::inference() const {
  engine::InferenceOptions options;
  if (scales.empty()) {
    throw ConfigError("evaluate.scales is empty; give at least one, e.g. [1]");
  }
  for (const double scale : scales) {
    if (scale >= 0.1 && scale <= 10) continue;
    throw ConfigError(
        str("evaluate.scales holds ", scale, "; must be in 0.1..10")
    );
  }
  if (sizing != "tensorflow" && sizing != "pytorch") {
    throw ConfigError(
        str("evaluate.sizing is \"", sizing, "\"; known: tensorflow, pytorch")
    );
  }
  if (!(overlap >= 0 && overlap <= 0.9)) {
    throw ConfigError(
        str("evaluate.overlap is ", overlap, "; must be in 0..0.9")
    );
  }
  constexpr int64_t kLeastSide = 16;
  const bool is_size =
      window.size() == 2 && window[0] >= kLeastSide && window[1] >= kLeastSide;
  if (!window.empty() && !is_size) {
    throw ConfigError(
        str("evaluate.window is ",
            Json(window).dump(),
            "; expected [height, width], each >= ",
            kLeastSide)
    );
  }
  for (const auto width : trimap) {
    if (width >= 1 && width <= 999) continue;
    throw ConfigError(
        str("evaluate.trimap holds ", width, "; must be in 1..999")
    );
  }
  options.scales = scales;
  options.flip = flip;
  options.sizing = sizing == "pytorch" ? engine::SizingRule::kPyTorch
                                       : engine::SizingRule::kTensorFlow;
  if (is_size) options.window = model::ImageSize{window[0], window[1]};
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
    inner = write_config(read_crf_config(inner.get<std::string>()));
  }
  if (!inner.is_object()) {
    throw ConfigError(
        str(key, ": ", outer, " is ", inner.dump(), ", not an object")
    );
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
  if (config.log.images < 0) {
    throw ConfigError(str("log.images is ", config.log.images, "; must be >= 0")
    );
  }
}

void record_classes(RunConfig& config, const data::Classes& classes) {
  config.data.classes = classes.names;
  config.data.colors.clear();
  for (const auto& color : classes.colors) {
    config.data.colors.emplace_back(color.begin(), color.end());
  }
}

}  // namespace deeplab::apps
