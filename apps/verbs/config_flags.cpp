// SPDX-License-Identifier: Apache-2.0
#include "apps/verbs/config_flags.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/core.h>

#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

constexpr const char* kConfigGroup = "Config";

/// A flag that sets one config key. The key's description is the flag's help.
struct KeyFlag {
  const char* flag;
  const char* key;
  ConfigScope scope;
};
constexpr std::array kKeyFlags{
    KeyFlag{"data", "data.root", ConfigScope::kData},
    KeyFlag{"data-kind", "data.kind", ConfigScope::kData},
    KeyFlag{"backbone", "model.backbone", ConfigScope::kNetwork},
    KeyFlag{"decoder", "model.decoder", ConfigScope::kNetwork},
    KeyFlag{"init-from", "train.init_from", ConfigScope::kNetwork},
    KeyFlag{"init-key", "train.init_key", ConfigScope::kNetwork},
    KeyFlag{"workers", "data.workers", ConfigScope::kTraining},
    KeyFlag{"crop", "augment.crop", ConfigScope::kTraining},
    KeyFlag{"iterations", "train.iterations", ConfigScope::kTraining},
    KeyFlag{"batch-size", "train.batch_size", ConfigScope::kTraining},
    KeyFlag{"learning-rate", "train.learning_rate", ConfigScope::kTraining},
    KeyFlag{"seed", "train.seed", ConfigScope::kTraining},
};

const ListedKey& find_key(std::string_view path) {
  static const auto keys = list_keys<RunConfig>();
  return *std::find_if(keys.begin(), keys.end(), [&](const ListedKey& key) {
    return key.path == path;
  });
}

/// Returns the help of a flag that sets a config key: the key's sentence, the
/// form of the flag's value if it needs one, and the key.
std::string help_of(const char* key, const char* form) {
  return fmt::format(
      "{}{} ({})", find_key(key).description.sentence, form, key
  );
}

Json parse_value(const std::string& text) {
  auto value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_discarded()) return value;
  if (text.find_first_of("[{") == 0) {
    throw ConfigError(fmt::format(
        "{}: not valid JSON; put names inside lists and objects in double quotes",
        text
    ));
  }
  return text;
}

/// Returns the key that --output-stride sets; nullptr if the verb has no such
/// flag.
const char* stride_key(ConfigScope scope) {
  switch (scope) {
    case ConfigScope::kTraining:
      return "train.output_stride";
    case ConfigScope::kNetwork:
      return "evaluate.output_stride";
    default:
      return nullptr;
  }
}

auto text() { return cxxopts::value<std::string>(); }

void check_overlap(const RunConfig& config) {
  if (!config.evaluate.window.empty()) return;
  throw ConfigError(
      "--overlap affects only images that are cut into pieces; give --window or --memory-limit too"
  );
}

void check_sizing(const RunConfig& config) {
  const auto& scales = config.evaluate.scales;
  const bool is_scaled = std::any_of(
      scales.begin(), scales.end(), [](double scale) { return scale != 1; }
  );
  if (is_scaled) return;
  throw ConfigError("--sizing affects only scaled images; give --scales too");
}

}  // namespace

void add_crf_flag(Flags& flags) {
  flags.add(
  )("crf",
    "Refine the scores with a dense CRF: resnet101 or vgg16 (the papers' parameters), short-range, or a JSON file.",
    text()->implicit_value("resnet101"));
}

ConfigFlags::ConfigFlags(Flags& flags, ConfigScope scope)
    : flags_(flags), scope_(scope) {
  auto add = flags_.add(kConfigGroup);
  add("config", "JSON file with the config of a run.", text());
  if (scope_ >= ConfigScope::kTraining) {
    add("protocol",
        "Training settings of a paper, e.g. v3plus; deeplab describe lists them.",
        text());
  }
  if (scope_ >= ConfigScope::kNetwork) {
    add("network",
        "Preset that replaces the config's model; deeplab describe lists them.",
        text());
  }
  for (const auto& key : kKeyFlags) {
    if (key.scope <= scope_) add(key.flag, help_of(key.key, ""), text());
  }
  if (const char* stride = stride_key(scope_)) {
    add("output-stride", help_of(stride, ""), text());
  }
  add("classes", help_of("data.classes", " As a,b,c."), text());
  add("mean", help_of("data.mean", " As r,g,b."), text());
  add("std", help_of("data.std", " As r,g,b."), text());
  add("set",
      "Set any config key, e.g. --set train.momentum=0.95; may be repeated. deeplab describe --keys lists the keys.",
      cxxopts::value<std::vector<std::string>>());
}

void ConfigFlags::add_inference() {
  has_inference_ = true;
  auto add = flags_.add();
  add("precision", help_of("evaluate.precision", ""), text());
  add("batch", help_of("evaluate.batch_size", ""), text());
  add("scales", help_of("evaluate.scales", " E.g. 0.5,0.75,1,1.25,1.5,1.75."),
      text());
  add("flip", help_of("evaluate.flip", ""));
  add("sizing", help_of("evaluate.sizing", ""), text());
  add("window", help_of("evaluate.window", " As HEIGHTxWIDTH."), text());
  add("overlap", help_of("evaluate.overlap", ""), text());
  add("memory-limit",
      "Memory limit in GiB, for everything except a CRF; images that need more are cut into pieces.",
      text());
  add_crf_flag(flags_);
}

void ConfigFlags::add_changes(ConfigRequest& request) const {
  const auto change = [&](const std::string& key, const Json& value) {
    request.changes.push_back({key, value});
  };
  for (const auto& key : kKeyFlags) {
    if (key.scope > scope_ || !flags_.has(key.flag)) continue;
    const auto value = flags_.text(key.flag);
    const bool is_text = find_key(key.key).type == "text";
    change(key.key, is_text ? Json(value) : parse_value(value));
  }
  request.finds_kind = flags_.has("data") && !flags_.has("data-kind");
  if (flags_.has("output-stride")) {
    change(stride_key(scope_), parse_value(flags_.text("output-stride")));
  }
  for (const char* name : {"mean", "std"}) {
    if (!flags_.has(name)) continue;
    change(fmt::format("data.{}", name), flags_.reals(name));
  }
  if (flags_.has("classes")) change("data.classes", flags_.list("classes"));
}

void ConfigFlags::add_inference_changes(ConfigRequest& request) const {
  const auto change = [&](const std::string& key, const Json& value) {
    request.changes.push_back({"evaluate." + key, value});
  };
  if (flags_.has("precision")) change("precision", flags_.text("precision"));
  if (flags_.has("batch"))
    change("batch_size", parse_value(flags_.text("batch")));
  if (flags_.has("scales")) change("scales", flags_.reals("scales"));
  if (flags_.has("flip")) change("flip", flags_.get<bool>("flip"));
  if (flags_.has("sizing")) change("sizing", flags_.text("sizing"));
  if (flags_.has("window")) {
    const auto window = flags_.size("window");
    change("window", Json{window.height, window.width});
  }
  if (flags_.has("overlap")) change("overlap", flags_.number("overlap"));
  if (flags_.has("crf")) change("crf", flags_.text("crf"));
  if (flags_.has("trimap")) change("trimap", flags_.numbers("trimap", 1));
}

ConfigRequest ConfigFlags::request() const {
  ConfigRequest request;
  const auto word = [&](const char* flag) {
    return flags_.has(flag) ? flags_.text(flag) : std::string();
  };
  request.file = word("config");
  request.protocol = word("protocol");
  request.network = word("network");
  add_changes(request);
  if (has_inference_) {
    add_inference_changes(request);
    const bool cuts = flags_.has("overlap") && !flags_.has("memory-limit");
    request.check = [cuts, scales = flags_.has("sizing")](const auto& config) {
      if (cuts) check_overlap(config);
      if (scales) check_sizing(config);
    };
  }
  if (!flags_.has("set")) return request;
  for (const auto& pair : flags_.get<std::vector<std::string>>("set")) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos) {
      throw ConfigError(fmt::format("--set {}: expected KEY=VALUE", pair));
    }
    request.overrides.push_back(
        {pair.substr(0, equals), parse_value(pair.substr(equals + 1))}
    );
  }
  return request;
}

RunConfig ConfigFlags::config(const Json& base) const {
  return make_config(base, request());
}

std::optional<double> ConfigFlags::memory_limit() const {
  if (!flags_.has("memory-limit")) return std::nullopt;
  const double gib = flags_.number("memory-limit");
  constexpr double kBytesPerGib = 1 << 30;
  if (gib > 0) return gib * kBytesPerGib;
  throw ConfigError(fmt::format(
      "--memory-limit is {}; must be above 0", flags_.text("memory-limit")
  ));
}

}  // namespace deeplab::apps
