// SPDX-License-Identifier: Apache-2.0
// The flags that make a run's config.
#include <algorithm>
#include <array>

#include "apps/flags.h"
#include "apps/protocols.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

/// A flag that stands for one config key.
enum class Scope { kData, kNetwork, kTraining };
struct KeyFlag {
  const char* flag;
  const char* key;
  Scope scope;
  bool is_text;
  const char* about;
};
constexpr std::array kKeyFlags{
    KeyFlag{"data", "data.root", Scope::kData, true, "the data set's folder"},
    KeyFlag{
        "data-kind",
        "data.kind",
        Scope::kData,
        true,
        "its kind, where the folder's layout does not tell"},
    KeyFlag{
        "backbone", "model.backbone", Scope::kNetwork, true, "e.g. resnet50"},
    KeyFlag{
        "decoder",
        "model.decoder",
        Scope::kNetwork,
        true,
        "e.g. none, v3plus, unet"},
    KeyFlag{
        "init-from",
        "train.init_from",
        Scope::kNetwork,
        true,
        "file of weights"},
    KeyFlag{
        "init-key",
        "train.init_key",
        Scope::kNetwork,
        true,
        "dict of that file to take, e.g. model_ema"},
    KeyFlag{
        "workers",
        "data.workers",
        Scope::kTraining,
        false,
        "threads that read and augment"},
    KeyFlag{
        "crop",
        "augment.crop",
        Scope::kTraining,
        false,
        "side of the training crop, pixels"},
    KeyFlag{
        "iterations",
        "train.iterations",
        Scope::kTraining,
        false,
        "steps of training"},
    KeyFlag{
        "batch-size",
        "train.batch_size",
        Scope::kTraining,
        false,
        "images a step"},
    KeyFlag{
        "learning-rate",
        "train.learning_rate",
        Scope::kTraining,
        false,
        "at the first step"},
    KeyFlag{
        "seed",
        "train.seed",
        Scope::kTraining,
        false,
        "of weights, order and augmentation"},
};

Json parse_value(const std::string& text) {
  const auto value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_discarded()) return value;
  if (text.find_first_of("[{") == 0) {
    throw ConfigError(
        str(text, ": is not JSON; names in lists and objects stand in quotes")
    );
  }
  return text;
}

/// Which key --output-stride stands for; nullptr: no such flag.
const char* stride_key(ConfigFlags kind) {
  switch (kind) {
    case ConfigFlags::kTraining:
      return "train.output_stride";
    case ConfigFlags::kNetwork:
      return "evaluate.output_stride";
    default:
      return nullptr;
  }
}

bool is_offered(Scope scope, ConfigFlags kind) {
  return static_cast<int>(scope) < static_cast<int>(kind);
}

}  // namespace

void Flags::add_config(ConfigFlags kind) {
  kind_ = kind;
  auto add = options_.add_options(kConfigGroup);
  const auto text = [] { return cxxopts::value<std::string>(); };
  add("config", "JSON file of a run's config", text());
  if (is_offered(Scope::kTraining, kind)) {
    add("protocol",
        "how a paper trained, e.g. v3plus; deeplab describe lists them",
        text());
  }
  if (is_offered(Scope::kNetwork, kind)) {
    add("network",
        "a preset instead of the config's model; deeplab describe lists them",
        text());
  }
  for (const auto& key : kKeyFlags) {
    if (!is_offered(key.scope, kind)) continue;
    add(key.flag, str(key.about, " (", key.key, ")"), text());
  }
  if (const char* stride = stride_key(kind)) {
    add("output-stride", str("4, 8, 16 or 32 (", stride, ")"), text());
  }
  add("classes", "names of the classes, a,b,c (data.classes)", text());
  for (const char* name : {"mean", "std"}) {
    add(name, str("of RGB in 0..1, r,g,b (data.", name, ")"), text());
  }
  add("set",
      "any key, e.g. --set train.momentum=0.95; may be repeated",
      cxxopts::value<std::vector<std::string>>());
}

void Flags::add_inference() {
  has_inference_ = true;
  auto add = options_.add_options();
  const auto text = [] { return cxxopts::value<std::string>(); };
  add("scales",
      "sizes of the image, e.g. 0.5,0.75,1,1.25,1.5,1.75; the mean of the "
      "probabilities counts (evaluate.scales)",
      text());
  add("flip", "also mirrored, at each scale (evaluate.flip)");
  add("sizing",
      "of scaled images: tensorflow or pytorch (evaluate.sizing)",
      text());
  add("window",
      "HEIGHTxWIDTH of the largest piece at once (evaluate.window)",
      text());
  add("overlap",
      "share of a piece that its neighbour covers too (evaluate.overlap)",
      text());
  add("memory-limit",
      "GiB for all but a CRF; larger images are cut into pieces",
      text());
  add_crf();
}

void Flags::set_inference_keys(Json& config) const {
  if (has("scales")) set_key(config, "evaluate.scales", reals("scales"));
  if (has("flip")) set_key(config, "evaluate.flip", get<bool>("flip"));
  if (has("sizing")) set_key(config, "evaluate.sizing", text("sizing"));
  if (has("window")) {
    const auto window = size("window");
    set_key(config, "evaluate.window", Json{window.height, window.width});
  }
  if (has("overlap")) set_key(config, "evaluate.overlap", number("overlap"));
  if (has("crf")) set_key(config, "evaluate.crf", text("crf"));
  if (has("trimap")) set_key(config, "evaluate.trimap", numbers("trimap", 1));
}

void Flags::check_inference_flags(const EvaluateConfig& config) const {
  if (has("overlap") && config.window.empty() && !has("memory-limit")) {
    throw ConfigError(
        "--overlap is of pieces; give --window or --memory-limit too"
    );
  }
  const bool is_scaled =
      std::any_of(config.scales.begin(), config.scales.end(), [](double scale) {
        return scale != 1;
      });
  if (has("sizing") && !is_scaled) {
    throw ConfigError("--sizing is of scaled images; give --scales too");
  }
}

RunConfig Flags::config(const Json& base) const {
  Json config = base;
  if (has("config")) {
    const auto path = text("config");
    const auto file = parse_json(read_file(path), path);
    // Strict on its own first, so that the message speaks of the file.
    try {
      read_run_config(file);
    } catch (const ConfigError& error) {
      throw ConfigError(str(path, ": ", error.what()));
    }
    if (has("protocol")) {
      check_not_hidden(find_protocol(text("protocol")), file);
    }
    config.merge_patch(file);
  }
  if (has("protocol")) set_key(config, "protocol", text("protocol"));
  if (has("network")) set_key(config, "model", text("network"));
  for (const auto& key : kKeyFlags) {
    if (!is_offered(key.scope, kind_) || !has(key.flag)) continue;
    const auto value = text(key.flag);
    set_key(config, key.key, key.is_text ? Json(value) : parse_value(value));
  }
  if (has("data") && !has("data-kind")) {
    const auto data = config.value("data", Json::object());
    const auto kind = data.is_object() ? data.value("kind", "") : "";
    set_key(config, "data.kind", data::kind_of(text("data"), kind));
  }
  if (has("output-stride")) {
    set_key(config, stride_key(kind_), parse_value(text("output-stride")));
  }
  for (const char* name : {"mean", "std"}) {
    if (!has(name)) continue;
    set_key(config, str("data.", name), reals(name));
  }
  if (has("classes")) set_key(config, "data.classes", list("classes"));
  if (has_inference_) set_inference_keys(config);
  if (has("set")) {
    for (const auto& pair : get<std::vector<std::string>>("set")) {
      const auto equals = pair.find('=');
      if (equals == std::string::npos) {
        throw ConfigError(str("--set ", pair, ": expected KEY=VALUE"));
      }
      set_key(
          config, pair.substr(0, equals), parse_value(pair.substr(equals + 1))
      );
    }
  }
  auto result = read_run_config(config);
  result.data.validate();
  result.evaluate.inference();
  if (has_inference_) check_inference_flags(result.evaluate);
  if (result.evaluate.crf) result.evaluate.crf->options();
  return result;
}

}  // namespace deeplab::apps
