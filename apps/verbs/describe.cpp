// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <iomanip>
#include <iostream>

#include <fmt/core.h>

#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/config/protocols.h"
#include "apps/verbs/config_flags.h"
#include "apps/verbs/describe_keys.h"
#include "deeplab/backbone/backbone.h"
#include "deeplab/core/error.h"
#include "deeplab/core/names.h"
#include "deeplab/engine/loss_table.h"
#include "deeplab/engine/optimizer.h"
#include "deeplab/engine/schedule.h"
#include "deeplab/model/cost.h"
#include "deeplab/model/parts.h"
#include "deeplab/model/presets.h"

namespace deeplab::apps {
namespace {

void print_uses(const char* title, const std::vector<NamedUse>& uses) {
  constexpr int kNameWidth = 28;
  std::cout << title << '\n';
  for (const auto& use : uses) {
    std::cout << std::left << std::setw(kNameWidth) << use.name << use.about
              << '\n';
  }
  std::cout << '\n';
}

void list_names() {
  std::vector<NamedUse> networks;
  for (const auto& name : model::preset_names()) {
    networks.push_back({name, model::preset(name).about});
  }
  print_uses("networks (--network)", networks);
  print_uses("protocols of training (--protocol)", uses_of(protocols()));
  print_uses("backbones (model.backbone)", backbone::backbone_uses());
  print_uses("context modules (model.context)", model::context_uses());
  print_uses("decoders (model.decoder)", model::decoder_uses());
  print_uses("losses (train.loss[].kind)", engine::loss_uses());
  print_uses("optimizers (train.optimizer)", engine::optimizer_uses());
  print_uses("schedules (train.schedule)", engine::schedule_uses());
  std::cout << "deeplab describe --keys lists every config key.\n";
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
  throw ConfigError(fmt::format(
      "{}: \"{}\" is not a number above 0 and up to 65536", flag, text
  ));
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
    throw ConfigError(fmt::format("--count {}; known: plain, paper", count));
  }
  options.rule =
      count == "paper" ? model::CountRule::kPaper : model::CountRule::kPlain;
  return options;
}

std::string kernel_text(const model::LayerCost& layer) {
  auto text = fmt::format("{}x{}", layer.kernel, layer.kernel);
  if (layer.stride > 1) text += fmt::format(" stride {}", layer.stride);
  if (layer.dilation > 1) text += fmt::format(" rate {}", layer.dilation);
  if (layer.groups > 1) text += fmt::format(" groups {}", layer.groups);
  return text;
}

std::string field_text(const model::LayerCost& layer) {
  if (std::isinf(layer.receptive_field)) return "all";
  return fmt::format("{}", std::lround(layer.receptive_field));
}

void print_table(const model::NetworkCost& cost) {
  size_t width = 10;
  for (const auto& layer : cost.layers) {
    width = std::max(width, layer.name.size() + 2);
  }
  const auto row = [&](const std::string& name, const std::string& kernel,
                       const std::string& output, const std::string& field,
                       int64_t parameters, double multiply_adds) {
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
    row(layer.name, kernel_text(layer),
        fmt::format("{}x{}x{}", layer.channels, layer.height, layer.width),
        field_text(layer), layer.parameters, layer.multiply_adds);
  }
  row("total", "", "", "", cost.parameters, cost.multiply_adds);
}

/// Prints where features look, of each map that a decoder may read.
void print_grids(const model::DeepLab& network) {
  const auto line = [](const std::string& map, const nn::FeatureGrid& grid) {
    std::cout << fmt::format(
        "{:<22}look at pixels {} + {} k\n", map, grid.first, grid.step
    );
  };
  const auto& grids = network->backbone().grids();
  for (const auto level : nn::kLevels) {
    line(
        fmt::format("features of level {}", nn::pixels_of(level)),
        grids.at[level]
    );
  }
  line("last features", grids.high);
  line("class scores", network->score_grid());
}

Json to_json(const nn::FeatureGrid& grid) {
  return {{"first", grid.first}, {"step", grid.step}};
}

Json grids_json(const model::DeepLab& network) {
  const auto& grids = network->backbone().grids();
  Json levels = Json::object();
  for (const auto level : nn::kLevels) {
    levels[std::to_string(nn::pixels_of(level))] = to_json(grids.at[level]);
  }
  return {
      {"levels", levels},
      {"last", to_json(grids.high)},
      {"scores", to_json(network->score_grid())}};
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

void print_keys(const Flags& flags) {
  const auto prefixes = flags.has("preset")
                            ? flags.get<std::vector<std::string>>("preset")
                            : std::vector<std::string>{""};
  for (const auto& prefix : prefixes) {
    describe_keys(
        prefix, flags.has("json") ? KeyFormat::kJson : KeyFormat::kText
    );
  }
}

void print_network(const Flags& flags, const ConfigFlags& config_flags) {
  Json base = Json::object();
  if (flags.has("preset")) {
    const auto names = flags.get<std::vector<std::string>>("preset");
    if (names.size() > 1) {
      throw ConfigError(fmt::format("\"{}\": one preset at a time", names[1]));
    }
    base["model"] = names[0];
  }
  const auto config = config_flags.config(base);
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
    auto json = to_json(cost, config);
    json["features_look_at"] = grids_json(network);
    std::cout << json.dump(2) << '\n';
  } else {
    print_table(cost);
    print_grids(network);
  }
}

}  // namespace

int describe(const Arguments& arguments) {
  Flags flags(
      "describe",
      "Prints the layers of a network and their cost. Without arguments, lists the networks, protocols and parts that can be chosen.",
      "[PRESET] [flags] | --keys [PREFIX]"
  );
  const ConfigFlags config_flags(flags, ConfigScope::kNetwork);
  auto add = flags.add();
  const auto text = [](const char* by_default) {
    return cxxopts::value<std::string>()->default_value(by_default);
  };
  add("input", "Size of the input image, as HEIGHTxWIDTH.", text("513x513"));
  add("scales",
      "Count one pass for each of these scales, e.g. 0.5,0.75,1,1.25,1.5,1.75.",
      cxxopts::value<std::string>());
  add("flip", "Count each pass twice, as for mirrored images.");
  add("count",
      "Rule for multiply-adds: plain (those of convolutions) or paper (as in DeepLabV3+'s tables).",
      text("plain"));
  flags.add_whole("num-classes", "Number of classes.", {2}, 21);
  add("json", "Print JSON.");
  add("keys", "List every config key, or those at and below PREFIX.");
  add("protocol", "Print the values of a protocol with their sources.",
      cxxopts::value<std::string>());
  flags.take_positional("preset");
  if (!flags.parse(arguments)) return 0;
  if (flags.is_empty()) {
    list_names();
  } else if (flags.has("protocol")) {
    print_protocol(find_protocol(flags.text("protocol")));
  } else if (flags.has("keys")) {
    print_keys(flags);
  } else {
    print_network(flags, config_flags);
  }
  return 0;
}

}  // namespace deeplab::apps
