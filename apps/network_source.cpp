// SPDX-License-Identifier: Apache-2.0
#include "apps/network_source.h"

#include "deeplab/core/error.h"
#include "deeplab/engine/checkpoint.h"
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

NetworkSource from_checkpoint(const Flags& flags, torch::Device device) {
  const auto path = flags.text("checkpoint");
  const auto checkpoint = engine::load_checkpoint(path);
  const auto own = config_of(checkpoint, path);
  NetworkSource source;
  source.name = path;
  source.config = flags.config(write_config(own));
  const auto changed = differing_keys(
      write_config(own.model), write_config(source.config.model)
  );
  if (!changed.empty()) {
    throw ConfigError(
        str("model.",
            changed[0],
            ": a checkpoint brings its own network; leave this out")
    );
  }
  source.classes = data::classes_of(own.data);
  model::DeepLab network(
      own.model, source.classes.size(), model::StartWeights::kUnset
  );
  check_complete(weights::load_state(*network, checkpoint.network), path);
  source.segmenter = ready(network, source.config.evaluate_stride(), device);
  return source;
}

NetworkSource from_torchscript(const Flags& flags, torch::Device device) {
  NetworkSource source;
  source.name = flags.text("torchscript");
  source.config = flags.config(Json::object());
  if (source.config.evaluate.output_stride) {
    throw ConfigError(
        "evaluate.output_stride: a TorchScript file's stride is fixed; leave "
        "this out"
    );
  }
  const auto& data = source.config.data;
  if (!data.classes.empty()) {
    source.classes = data::make_classes(data.classes, data.colors);
  }
  source.segmenter =
      on_device(model::load_torchscript(source.name, device), device);
  return source;
}

NetworkSource from_weights(const Flags& flags, torch::Device device) {
  NetworkSource source;
  source.config = flags.config(Json::object());
  source.name = source.config.train.init_from;
  if (source.name.empty()) {
    throw ConfigError(
        "no network: give --checkpoint, --torchscript, or --config with "
        "--init-from"
    );
  }
  const auto& data = source.config.data;
  source.classes = data.classes.empty()
                       ? data::classes_of(data)
                       : data::make_classes(data.classes, data.colors);
  model::DeepLab network(
      source.config.model, source.classes.size(), model::StartWeights::kUnset
  );
  check_complete(weights::load_file(*network, source.name), source.name);
  source.segmenter = ready(network, source.config.evaluate_stride(), device);
  return source;
}

}  // namespace

void add_network(Flags& flags) {
  flags.add_config(ConfigFlags::kNetwork);
  flags.add_device();
  auto add = flags.add();
  add("checkpoint",
      "a checkpoint of deeplab train",
      cxxopts::value<std::string>());
  add("torchscript", "a TorchScript file", cxxopts::value<std::string>());
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
  if (checkpoint) return from_checkpoint(flags, device);
  if (torchscript) return from_torchscript(flags, device);
  return from_weights(flags, device);
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
  check_complete(weights::load_state(*network, checkpoint.network), path);
  return ready(network, stride, device);
}

}  // namespace deeplab::apps
