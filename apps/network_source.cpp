// SPDX-License-Identifier: Apache-2.0
#include "apps/network_source.h"

#include <iostream>

#include "apps/platform.h"
#include "deeplab/core/error.h"
#include "deeplab/engine/checkpoint.h"
#include "deeplab/model/torchscript.h"
#include "deeplab/weights/name_map.h"

namespace deeplab::apps {
namespace {

model::Segmenter on_device(model::Segmenter segmenter, torch::Device device) {
  return [inner = std::move(segmenter), device](const torch::Tensor& images) {
    return inner(images.to(device));
  };
}

/// Refuses a network that its file did not fill.
void check_complete(
    const weights::LoadReport& report, const std::string& path
) {
  if (!report.complete()) {
    throw DataError(str(path, ": does not fill the network: ", report.summary())
    );
  }
}

model::Segmenter ready(
    model::DeepLab network, OutputStride stride, torch::Device device
) {
  network->set_output_stride(stride);
  network->to(device);
  return on_device(model::make_segmenter(network), device);
}

RunConfig config_of(
    const engine::Checkpoint& checkpoint, const std::string& path
) {
  try {
    return read_run_config(parse_json(checkpoint.config, path));
  } catch (const ConfigError& error) {
    throw DataError(str(path, ": damaged config: ", error.what()));
  }
}

NetworkFile from_checkpoint(const std::string& path, const Flags& flags) {
  const auto checkpoint = engine::load_checkpoint(path);
  const auto own = config_of(checkpoint, path);
  NetworkFile file;
  file.name = path;
  file.config = flags.config(write_config(own));
  const auto changed =
      differing_keys(write_config(own.model), write_config(file.config.model));
  if (!changed.empty()) {
    throw ConfigError(
        str("model.",
            changed[0],
            ": a checkpoint brings its own network; leave this out")
    );
  }
  file.classes = data::classes_of(own.data);
  file.network = model::DeepLab(
      own.model, file.classes.size(), model::StartWeights::kUnset
  );
  check_complete(
      weights::load_state(*file.network, checkpoint.trained()), path
  );
  return file;
}

/// What a file of export_torchscript() says of itself.
struct ScriptFacts {
  RunConfig config;
  bool gives_probabilities = false;
};

std::optional<ScriptFacts> facts_of(const std::string& path) {
  const auto text = model::read_script_metadata(path);
  if (text.empty()) return std::nullopt;
  try {
    const auto json = parse_json(text, path);
    ScriptFacts facts;
    facts.config = read_run_config(json.at("config"));
    const auto output = json.at("output").get<std::string>();
    if (output == "labels") {
      throw DataError(
          str(path,
              ": gives labels; scores are needed, so export it with --output "
              "logits")
      );
    }
    facts.gives_probabilities = output == "probabilities";
    return facts;
  } catch (const ConfigError& error) {
    throw DataError(str(path, ": damaged metadata: ", error.what()));
  } catch (const Json::exception& error) {
    throw DataError(str(path, ": damaged metadata: ", error.what()));
  }
}

NetworkSource from_torchscript(const Flags& flags, torch::Device device) {
  NetworkSource source;
  source.name = flags.text("torchscript");
  source.config = flags.config(Json::object());
  const auto facts = facts_of(source.name);
  if (facts) source.config = flags.config(write_config(facts->config));
  if (source.config.evaluate.output_stride) {
    throw ConfigError(
        "evaluate.output_stride: a TorchScript file's stride is fixed; leave "
        "this out"
    );
  }
  model::ScriptUse use;
  use.device = device;
  if (flags.has("resize")) use.resize = flags.size("resize");
  const auto& data = source.config.data;
  if (!data.classes.empty()) {
    source.classes = data::make_classes(data.classes, data.colors);
  }
  source.segmenter =
      on_device(model::load_torchscript(source.name, use), device);
  if (facts && facts->gives_probabilities) {
    source.segmenter = [inner = source.segmenter](const torch::Tensor& images) {
      constexpr double kTiny = 1e-30;
      return inner(images).clamp_min(kTiny).log();
    };
  }
  return source;
}

NetworkSource source_of(const NetworkFile& file, torch::Device device) {
  NetworkSource source;
  source.config = file.config;
  source.classes = file.classes;
  source.name = file.name;
  source.segmenter = ready(file.network, file.config.evaluate_stride(), device);
  return source;
}

NetworkFile from_weights(const Flags& flags) {
  NetworkFile file;
  file.config = flags.config(Json::object());
  file.name = file.config.train.init_from;
  if (file.name.empty()) {
    throw ConfigError(
        "no network: give --checkpoint, --torchscript, or --config with "
        "--init-from"
    );
  }
  const auto& data = file.config.data;
  file.classes = data.classes.empty()
                     ? data::classes_of(data)
                     : data::make_classes(data.classes, data.colors);
  file.network = model::DeepLab(
      file.config.model, file.classes.size(), model::StartWeights::kUnset
  );
  check_complete(
      weights::load_file(
          *file.network, {file.name, file.config.train.init_key}
      ),
      file.name
  );
  return file;
}

void warn_of_slow_convolutions() {
  const auto warning = convolution_warning();
  if (!warning.empty()) std::cerr << warning << '\n';
}

}  // namespace

void add_checkpoint(Flags& flags) {
  flags.add_config(ConfigFlags::kNetwork);
  flags.add(
  )("checkpoint", "a checkpoint of deeplab train", cxxopts::value<std::string>()
  );
}

void add_network(Flags& flags) {
  add_checkpoint(flags);
  flags.add_device();
  auto add = flags.add();
  add("torchscript", "a TorchScript file", cxxopts::value<std::string>());
  add("resize",
      "HEIGHTxWIDTH that a TorchScript file was traced at",
      cxxopts::value<std::string>());
}

NetworkFile open_network_file(const Flags& flags) {
  const bool checkpoint = flags.has("checkpoint");
  if (checkpoint && flags.has("init-from")) {
    throw ConfigError(
        "several networks: give one of --checkpoint and --init-from"
    );
  }
  auto file = checkpoint ? from_checkpoint(flags.text("checkpoint"), flags)
                         : from_weights(flags);
  file.network->set_output_stride(file.config.evaluate_stride());
  return file;
}

NetworkSource open_network(const Flags& flags) {
  const auto device = flags.device();
  const bool checkpoint = flags.has("checkpoint");
  const bool torchscript = flags.has("torchscript");
  if ((checkpoint && torchscript) ||
      ((checkpoint || torchscript) && flags.has("init-from"))) {
    throw ConfigError(
        "several networks: give one of --checkpoint, --torchscript and "
        "--init-from"
    );
  }
  auto source = torchscript ? from_torchscript(flags, device)
                            : source_of(open_network_file(flags), device);
  warn_of_slow_convolutions();
  return source;
}

NetworkSource open_run(const std::string& path, const Flags& flags) {
  auto source = source_of(from_checkpoint(path, flags), flags.device());
  warn_of_slow_convolutions();
  return source;
}

model::Segmenter open_checkpoint(
    const std::string& path, OutputStride stride, torch::Device device
) {
  const auto checkpoint = engine::load_checkpoint(path);
  const auto config = config_of(checkpoint, path);
  model::DeepLab network(
      config.model,
      data::classes_of(config.data).size(),
      model::StartWeights::kUnset
  );
  check_complete(weights::load_state(*network, checkpoint.trained()), path);
  return ready(network, stride, device);
}

model::Segmenter open_teacher(
    const RunConfig& config, const data::Classes& classes, torch::Device device
) {
  const auto& path = config.train.teacher->file;
  const auto facts = facts_of(path);
  if (facts) {
    const auto refuse = [&](const char* what) {
      throw DataError(
          str(path,
              ": was trained with other ",
              what,
              " than this run; a teacher needs the same")
      );
    };
    const auto& own = facts->config.data;
    if (!own.classes.empty() && own.classes != classes.names) refuse("classes");
    const bool normalizes = own.mean == std::vector<double>(3, 0) &&
                            own.std == std::vector<double>(3, 1);
    if (normalizes && own.mean != config.data.mean) {
      throw DataError(
          str(path,
              ": normalises images by itself, and gets those that are already; "
              "export the teacher without --normalize")
      );
    }
    if (own.mean != config.data.mean || own.std != config.data.std) {
      refuse("data.mean or data.std");
    }
  }
  model::ScriptUse use;
  use.device = device;
  return [inner = model::load_torchscript(path, use),
          path,
          is_probability = facts && facts->gives_probabilities,
          num_classes = classes.size()](const torch::Tensor& images) {
    const torch::NoGradGuard no_grad;
    const auto scores = inner(images);
    if (scores.size(1) != num_classes) {
      throw DataError(
          str(path,
              ": scores ",
              scores.size(1),
              " classes, the data set has ",
              num_classes,
              "; a teacher needs the same")
      );
    }
    constexpr double kLeast = 1e-12;
    return is_probability ? scores.clamp_min(kLeast).log() : scores;
  };
}

}  // namespace deeplab::apps
