// SPDX-License-Identifier: Apache-2.0
#include "apps/flags.h"

#include <array>
#include <charconv>
#include <iostream>
#include <optional>
#include <sstream>

#include <torch/torch.h>

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

/// The number that all of `text` is, if it is one.
template <class Number>
std::optional<Number> read_number(const std::string& text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, value);
  if (stop != end || problem != std::errc()) return std::nullopt;
  return value;
}

void check_whole(
    const std::string& name, const std::string& word, WholeRange range
) {
  const auto value = read_number<int64_t>(word);
  if (value && *value >= range.least && *value <= range.most) return;
  throw ConfigError(
      str("--",
          name,
          " is ",
          word,
          "; must be a whole number, ",
          range.least,
          " to ",
          range.most)
  );
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
      cxxopts::value<std::string>());
  wholes_.push_back({"threads", {1, 1024}});
}

void Flags::add_whole(
    const std::string& name,
    const std::string& about,
    WholeRange range,
    int64_t by_default
) {
  add(
  )(name,
    about,
    cxxopts::value<std::string>()->default_value(std::to_string(by_default)));
  wholes_.push_back({name, range});
}

void Flags::add_config(ConfigFlags kind) {
  kind_ = kind;
  auto add = options_.add_options(kConfigGroup);
  const auto text = [] { return cxxopts::value<std::string>(); };
  add("config", "JSON file of a run's config", text());
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

void Flags::add_device() {
  options_.add_options(
  )("device",
    "cpu, cuda or cuda:N",
    cxxopts::value<std::string>()->default_value("cpu"));
}

void Flags::add_crf() {
  options_.add_options(
  )("crf",
    "CRF: resnet101, vgg16 (the papers' parameters), short-range or a file",
    cxxopts::value<std::string>()->implicit_value("resnet101"));
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
        << (kind_ == ConfigFlags::kNone ? options_.help({""})
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
  for (const auto& [name, range] : wholes_) {
    if (has(name)) check_whole(name, text(name), range);
  }
  if (has("threads")) {
    torch::set_num_threads(static_cast<int>(whole("threads")));
  }
  return true;
}

std::vector<std::string> Flags::list(const std::string& name) const {
  return split(text(name), ',');
}

int64_t Flags::whole(const std::string& name) const {
  return read_number<int64_t>(text(name)).value();
}

double Flags::number(const std::string& name) const {
  const auto value = read_number<double>(text(name));
  if (value) return *value;
  throw ConfigError(str("--", name, " is ", text(name), "; must be a number"));
}

std::vector<int64_t> Flags::numbers(const std::string& name, int64_t least)
    const {
  std::vector<int64_t> numbers;
  if (!has(name)) return numbers;
  for (const auto& word : list(name)) {
    const auto value = read_number<int64_t>(word);
    if (!value || *value < least || *value > 999) {
      throw ConfigError(
          str("--",
              name,
              ": \"",
              word,
              "\" is not a whole number, ",
              least,
              " to 999")
      );
    }
    numbers.push_back(*value);
  }
  return numbers;
}

std::vector<double> Flags::reals(const std::string& name) const {
  std::vector<double> numbers;
  for (const auto& word : list(name)) {
    const auto value = read_number<double>(word);
    if (!value) {
      throw ConfigError(str("--", name, ": \"", word, "\" is not a number"));
    }
    numbers.push_back(*value);
  }
  return numbers;
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

model::ImageSize Flags::size(const std::string& name) const {
  std::istringstream words(text(name));
  model::ImageSize size{};
  char by = 0;
  constexpr int64_t kMost = 65536;
  const bool read = static_cast<bool>(words >> size.height >> by >> size.width);
  if (!read || by != 'x' ||
      words.peek() != std::istringstream::traits_type::eof()) {
    throw ConfigError(str(
        "--", name, " ", text(name), ": expected HEIGHTxWIDTH, e.g. 513x513"
    ));
  }
  for (const int64_t side : {size.height, size.width}) {
    if (side >= 1 && side <= kMost) continue;
    throw ConfigError(
        str("--", name, ": a side is ", side, "; known: 1 to 65536")
    );
  }
  return size;
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
    config.merge_patch(file);
  }
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
    set_key(config, str("data.", name), parse_value("[" + text(name) + "]"));
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
  if (result.evaluate.crf) result.evaluate.crf->options();
  return result;
}

torch::Device Flags::device() const {
  const auto name = text("device");
  try {
    const torch::Device device(name);
    if (device.is_cpu()) return device;
    const auto count = static_cast<int>(torch::cuda::device_count());
    if (device.is_cuda() && device.index() < count && count > 0) return device;
  } catch (const c10::Error&) {
    throw ConfigError(str("--device ", name, "; known: cpu, cuda, cuda:N"));
  }
  throw ConfigError(str("--device ", name, ": this LibTorch has no such device")
  );
}

}  // namespace deeplab::apps
