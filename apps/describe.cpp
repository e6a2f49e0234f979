// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <iomanip>
#include <iostream>

#include "apps/flags.h"
#include "apps/protocols.h"
#include "apps/verbs.h"
#include "deeplab/core/error.h"
#include "deeplab/model/cost.h"
#include "deeplab/model/presets.h"

namespace deeplab::apps {
namespace {

void list_presets() {
  constexpr int kNameWidth = 28;
  std::cout << "networks (--network)\n";
  for (const auto& name : model::preset_names()) {
    std::cout << std::left << std::setw(kNameWidth) << name
              << model::preset(name).about << '\n';
  }
  std::cout << "\nprotocols of training (--protocol)\n";
  for (const auto& protocol : protocols()) {
    std::cout << std::left << std::setw(kNameWidth) << protocol.name
              << protocol.about << '\n';
  }
}

void print_protocol(const Protocol& protocol) {
  constexpr int kKeyWidth = 28;
  constexpr int kValueWidth = 28;
  std::cout << protocol.name << ": " << protocol.about << '\n';
  for (const auto& setting : protocol.settings) {
    std::cout << std::left << std::setw(kKeyWidth) << setting.key
              << std::setw(kValueWidth) << setting.value << "  "
              << setting.source << '\n';
  }
}

double positive(const std::string& text, const std::string& flag) {
  try {
    size_t end = 0;
    const double value = std::stod(text, &end);
    if (end == text.size() && value > 0 && value <= 65536) return value;
  } catch (const std::exception&) {
    // Reported below, as every other wrong number.
  }
  throw ConfigError(
      str(flag, ": \"", text, "\" is not a number above 0 and up to 65536")
  );
}

model::CostOptions cost_options(const Flags& flags) {
  model::CostOptions options;
  const auto size = flags.size("input");
  options.height = size.height;
  options.width = size.width;
  if (flags.has("scales")) {
    options.scales.clear();
    for (const auto& scale : flags.list("scales")) {
      options.scales.push_back(positive(scale, "--scales"));
    }
  }
  options.flip = flags.has("flip");
  const auto count = flags.text("count");
  if (count != "plain" && count != "paper") {
    throw ConfigError(str("--count ", count, "; known: plain, paper"));
  }
  options.rule =
      count == "paper" ? model::CountRule::kPaper : model::CountRule::kPlain;
  return options;
}

std::string kernel_text(const model::LayerCost& layer) {
  auto text = str(layer.kernel, "x", layer.kernel);
  if (layer.stride > 1) text += str(" stride ", layer.stride);
  if (layer.dilation > 1) text += str(" rate ", layer.dilation);
  if (layer.groups > 1) text += str(" groups ", layer.groups);
  return text;
}

std::string field_text(const model::LayerCost& layer) {
  if (std::isinf(layer.receptive_field)) return "all";
  return str(std::lround(layer.receptive_field));
}

void print_table(const model::NetworkCost& cost) {
  size_t width = 10;
  for (const auto& layer : cost.layers) {
    width = std::max(width, layer.name.size() + 2);
  }
  const auto row = [&](const std::string& name,
                       const std::string& kernel,
                       const std::string& output,
                       const std::string& field,
                       int64_t parameters,
                       double multiply_adds) {
    std::cout << std::left << std::setw(static_cast<int>(width)) << name
              << std::setw(24) << kernel << std::setw(15) << output
              << std::right << std::setw(7) << field << std::setw(12)
              << parameters << std::setw(12) << std::fixed
              << std::setprecision(3) << multiply_adds / 1e9 << '\n';
  };
  std::cout << std::left << std::setw(static_cast<int>(width)) << "layer"
            << std::setw(24) << "kernel" << std::setw(15) << "output"
            << std::right << std::setw(7) << "field" << std::setw(12)
            << "parameters" << std::setw(12) << "MAdds, G" << '\n';
  for (const auto& layer : cost.layers) {
    row(layer.name,
        kernel_text(layer),
        str(layer.channels, "x", layer.height, "x", layer.width),
        field_text(layer),
        layer.parameters,
        layer.multiply_adds);
  }
  row("total", "", "", "", cost.parameters, cost.multiply_adds);
}

Json to_json(const model::NetworkCost& cost, const RunConfig& config) {
  Json layers = Json::array();
  for (const auto& layer : cost.layers) {
    const bool sees_all = std::isinf(layer.receptive_field);
    layers.push_back(
        {{"name", layer.name},
         {"kernel", layer.kernel},
         {"stride", layer.stride},
         {"dilation", layer.dilation},
         {"groups", layer.groups},
         {"output", {layer.channels, layer.height, layer.width}},
         {"receptive_field",
          sees_all ? Json(nullptr) : Json(layer.receptive_field)},
         {"parameters", layer.parameters},
         {"multiply_adds", layer.multiply_adds}}
    );
  }
  return {
      {"model", write_config(config.model)},
      {"output_stride", pixels_per_feature(config.evaluate_stride())},
      {"parameters", cost.parameters},
      {"multiply_adds", cost.multiply_adds},
      {"layers", layers}};
}

}  // namespace

int describe(const Arguments& arguments) {
  Flags flags(
      "describe",
      "Prints a network's layers and what they cost; alone, lists networks and "
      "protocols.",
      "[PRESET] [flags]"
  );
  flags.add_config(ConfigFlags::kNetwork);
  auto add = flags.add();
  const auto text = [](const char* by_default) {
    return cxxopts::value<std::string>()->default_value(by_default);
  };
  add("input", "size of the image, HEIGHTxWIDTH", text("513x513"));
  add("scales",
      "passes of an evaluation, e.g. 0.5,0.75,1,1.25,1.5,1.75",
      cxxopts::value<std::string>());
  add("flip", "each pass twice");
  add("count",
      "plain: products of convolutions; paper: as DeepLabV3+'s tables",
      text("plain"));
  flags.add_whole("num-classes", "classes that are scored", {2}, 21);
  add("json", "print JSON");
  add("protocol",
      "print a protocol's values, each with its source",
      cxxopts::value<std::string>());
  flags.take_positional("preset");
  if (!flags.parse(arguments)) return 0;
  if (flags.is_empty()) {
    list_presets();
    return 0;
  }
  if (flags.has("protocol")) {
    print_protocol(find_protocol(flags.text("protocol")));
    return 0;
  }
  Json base = Json::object();
  if (flags.has("preset")) {
    const auto names = flags.get<std::vector<std::string>>("preset");
    if (names.size() > 1) {
      throw ConfigError(str("\"", names[1], "\": one preset at a time"));
    }
    base["model"] = names[0];
  }
  const auto config = flags.config(base);
  config.model.validate();
  config.model.check_output_stride(
      config.evaluate_stride(), "evaluate.output_stride"
  );
  model::DeepLab network(
      config.model, flags.whole("num-classes"), model::StartWeights::kUnset
  );
  network->set_output_stride(config.evaluate_stride());
  const auto cost = model::measure_cost(network, cost_options(flags));
  if (flags.has("json")) {
    std::cout << to_json(cost, config).dump(2) << '\n';
  } else {
    print_table(cost);
  }
  return 0;
}

}  // namespace deeplab::apps
