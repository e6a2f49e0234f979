// SPDX-License-Identifier: Apache-2.0
#include "apps/flags.h"

#include <array>
#include <iostream>
#include <sstream>

#include <torch/torch.h>

#include "apps/platform.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

/// A flag that stands for one config key.
struct KeyFlag {
  const char* flag;
  const char* key;
  const char* about;
};
constexpr std::array kKeyFlags{
    KeyFlag{"backbone", "model.backbone", "e.g. resnet50, mobilenet_v2"},
    KeyFlag{"decoder", "model.decoder", "none or v3plus"},
    KeyFlag{"data", "data.root", "folder in Pascal VOC layout"},
    KeyFlag{"workers", "data.workers", "threads that read and augment"},
    KeyFlag{"crop", "augment.crop", "side of the training crop, pixels"},
    KeyFlag{"iterations", "train.iterations", "steps of training"},
    KeyFlag{"batch-size", "train.batch_size", "images a step"},
    KeyFlag{"learning-rate", "train.learning_rate", "at the first step"},
    KeyFlag{"seed", "train.seed", "of weights, order and augmentation"},
    KeyFlag{"init-from", "train.init_from", "file of weights to start from"},
};
constexpr const char* kConfigGroup = "Config";

Json parse_value(const std::string& text) {
  const auto value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return value.is_discarded() ? Json(text) : value;
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  std::string part;
  while (std::getline(stream, part, by)) parts.push_back(part);
  return parts;
}

bool is_string_key(const std::string& key) {
  return key == "model.backbone" || key == "model.decoder" ||
         key == "data.root" || key == "train.init_from";
}

}  // namespace

Flags::Flags(
    const std::string& verb, const std::string& about, const std::string& usage
)
    : options_("deeplab " + verb, about) {
  options_.custom_help(usage);
  options_.positional_help("");
  options_.set_width(80);
  auto add = options_.add_options();
  add("h,help", "print this");
  add("threads",
      "threads of LibTorch; default: the machine's cores",
      cxxopts::value<int64_t>());
}

void Flags::add_config(const std::string& stride_key) {
  stride_key_ = stride_key;
  auto add = options_.add_options(kConfigGroup);
  add("config", "JSON file of a run's config", cxxopts::value<std::string>());
  for (const auto& key : kKeyFlags) {
    add(key.flag,
        str(key.about, " (", key.key, ")"),
        cxxopts::value<std::string>());
  }
  add("output-stride",
      str("8, 16 or 32 (", stride_key, ")"),
      cxxopts::value<std::string>());
  add("classes",
      "names of the classes, a,b,c (data.classes)",
      cxxopts::value<std::string>());
  for (const char* name : {"mean", "std"}) {
    add(name,
        str("of RGB in 0..1, r,g,b (data.", name, ")"),
        cxxopts::value<std::string>());
  }
  add("set",
      "any key, e.g. --set train.momentum=0.95; may be repeated",
      cxxopts::value<std::vector<std::string>>());
}

void Flags::add_device() {
  options_.add_options(
  )("device",
    "cpu, cuda or cuda:N",
    cxxopts::value<std::string>()->default_value("cpu"));
}

void Flags::take_positional(const std::string& name) {
  options_.add_options("hidden"
  )(name, "", cxxopts::value<std::vector<std::string>>());
  options_.parse_positional({name});
}

bool Flags::parse(const Arguments& arguments) {
  std::vector<const char*> words{"deeplab"};
  for (const auto& word : arguments) words.push_back(word.c_str());
  try {
    result_ = options_.parse(static_cast<int>(words.size()), words.data());
  } catch (const cxxopts::exceptions::exception& error) {
    throw ConfigError(
        str(error.what(), "; ", options_.program(), " --help lists the flags")
    );
  }
  if (has("help")) {
    std::cout
        << (stride_key_.empty() ? options_.help({""})
                                : options_.help({"", kConfigGroup}));
    return false;
  }
  if (!result_.unmatched().empty()) {
    throw ConfigError(
        str("\"",
            result_.unmatched().front(),
            "\" is not a flag; ",
            options_.program(),
            " --help lists them")
    );
  }
  if (has("threads")) set_threads(get<int64_t>("threads"));
  return true;
}

std::vector<std::string> Flags::list(const std::string& name) const {
  return split(text(name), ',');
}

bool Flags::names_config() const {
  for (const char* name :
       {"config", "output-stride", "classes", "mean", "std", "set"}) {
    if (has(name)) return true;
  }
  for (const auto& key : kKeyFlags) {
    if (has(key.flag)) return true;
  }
  return false;
}

RunConfig Flags::config(const Json& base) const {
  Json config = base;
  if (has("config")) {
    const auto path = text("config");
    const auto file = parse_json(read_file(path), path);
    // Strict on its own first, so that the message speaks of the file.
    try {
      read_config<RunConfig>(file, "");
    } catch (const ConfigError& error) {
      throw ConfigError(str(path, ": ", error.what()));
    }
    config.merge_patch(file);
  }
  for (const auto& key : kKeyFlags) {
    if (!has(key.flag)) continue;
    const auto value = text(key.flag);
    set_key(
        config,
        key.key,
        is_string_key(key.key) ? Json(value) : parse_value(value)
    );
  }
  if (has("data")) set_key(config, "data.kind", "pascal_voc");
  if (has("output-stride")) {
    set_key(config, stride_key_, parse_value(text("output-stride")));
  }
  for (const char* name : {"mean", "std"}) {
    if (!has(name)) continue;
    set_key(config, str("data.", name), parse_value("[" + text(name) + "]"));
  }
  if (has("classes")) set_key(config, "data.classes", list("classes"));
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
  return read_config<RunConfig>(config, "");
}

torch::Device Flags::device() const {
  const auto name = text("device");
  try {
    const torch::Device device(name);
    if (device.is_cpu()) return device;
    if (device.is_cuda() && torch::cuda::is_available()) return device;
  } catch (const c10::Error&) {
    throw ConfigError(str("--device ", name, "; known: cpu, cuda, cuda:N"));
  }
  throw ConfigError(str("--device ", name, ": this LibTorch has no such device")
  );
}

}  // namespace deeplab::apps
