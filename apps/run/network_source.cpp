// SPDX-License-Identifier: Apache-2.0
#include "apps/run/network_source.h"

#include <algorithm>
#include <filesystem>
#include <iostream>

#include <fmt/core.h>

#include "apps/config/run_files.h"
#include "apps/machine/platform.h"
#include "apps/run/compiled.h"
#include "apps/run/recognize.h"
#include "data/kinds.h"
#include "deeplab/core/error.h"
#include "deeplab/engine/trained_network.h"
#include "deeplab/model/torchscript.h"
#include "deeplab/weights/name_map.h"
#include "deeplab/weights/read_weights.h"

namespace deeplab::apps {
namespace {

Segmenter on_device(Segmenter segmenter, torch::Device device) {
  return [inner = std::move(segmenter), device](const torch::Tensor& images) {
    return inner(images.to(device));
  };
}

void say(const std::string& line) { std::cerr << line << '\n'; }

/// Returns the classes that a config names, with the values that they have in
/// masks of its data set.
Classes classes_in(const data::DataConfig& data) {
  auto classes = data::make_classes(data.classes, data.colors);
  classes.values = data.values;
  if (!data::has_fixed_classes(data.kind)) return classes;
  const auto fixed = data::fixed_classes(data.kind);
  if (fixed.names == classes.names) classes.values = fixed.values;
  return classes;
}

RunConfig config_of(const std::string& text, const std::string& path) {
  try {
    return read_run_config(parse_json(text, path));
  } catch (const ConfigError& error) {
    throw DataError(fmt::format("{}: damaged config: {}", path, error.what()));
  }
}

/// Returns the checkpoint that a path means: for a run's folder, the best one.
std::string checkpoint_at(const std::string& path) {
  if (!std::filesystem::is_directory(path)) return path;
  const RunFiles files(path);
  if (!std::filesystem::exists(files.best)) {
    throw DataError(fmt::format(
        "{}: is a folder without best.safetensors; give the folder of a run that has validated, or a checkpoint",
        path
    ));
  }
  say(fmt::format(
      "{}: best.safetensors is used; give {} for the last weights", path,
      files.last
  ));
  return files.best;
}

NetworkFile from_checkpoint(const NetworkRequest& request) {
  const auto path = checkpoint_at(request.checkpoint);
  const auto trained = engine::open_checkpoint(path);
  const auto own = config_of(trained.config, path);
  NetworkFile file;
  file.name = path;
  file.config = make_config(write_config(own), request.config);
  const auto changed =
      differing_keys(write_config(own.model), write_config(file.config.model));
  if (!changed.empty()) {
    throw ConfigError(fmt::format(
        "model.{} differs from the checkpoint, which contains its own network; remove this key",
        changed[0]
    ));
  }
  file.classes = classes_in(own.data);
  file.network = trained.network;
  return file;
}

/// Metadata of a file that export_torchscript() wrote.
struct ScriptFacts {
  RunConfig config;
  /// The output stride at which the network was exported.
  int64_t output_stride = 0;
  bool gives_probabilities = false;
};

std::optional<ScriptFacts> facts_of(const std::string& path) {
  const auto text = model::read_script_metadata(path);
  if (text.empty()) return std::nullopt;
  try {
    const auto json = parse_json(text, path);
    ScriptFacts facts;
    facts.config = read_run_config(json.at("config"));
    facts.output_stride = json.at("output_stride").get<int64_t>();
    const auto output = json.at("output").get<std::string>();
    if (output == "labels") {
      throw DataError(fmt::format(
          "{}: returns labels instead of scores; export the network with --output logits",
          path
      ));
    }
    facts.gives_probabilities = output == "probabilities";
    return facts;
  } catch (const ConfigError& error) {
    throw DataError(fmt::format("{}: damaged metadata: {}", path, error.what())
    );
  } catch (const Json::exception& error) {
    throw DataError(fmt::format("{}: damaged metadata: {}", path, error.what())
    );
  }
}

model::ScoreKind score_kind(const ScriptFacts& facts) {
  return facts.gives_probabilities ? model::ScoreKind::kProbabilities
                                   : model::ScoreKind::kLogits;
}

NetworkSource from_torchscript(const NetworkRequest& request) {
  NetworkSource source;
  source.name = request.torchscript;
  source.config = make_config(Json::object(), request.config);
  const auto facts = facts_of(source.name);
  if (facts) {
    source.config = make_config(write_config(facts->config), request.config);
  }
  if (source.config.evaluate.output_stride) {
    throw ConfigError(
        "evaluate.output_stride is set; a TorchScript file has a fixed stride, so remove this key"
    );
  }
  if (source.config.evaluate.precision != "float32") {
    throw ConfigError(fmt::format(
        "evaluate.precision is \"{}\"; a TorchScript file runs in the precision of its weights, so remove this key",
        source.config.evaluate.precision
    ));
  }
  if (facts) {
    source.config.evaluate.output_stride = facts->output_stride;
  } else {
    // Scores of another size than the image are resized so.
    source.config.model.alignment = "edges";
  }
  const model::ScriptUse use{
      request.device, request.resize, request.multiple_of,
      facts ? score_kind(*facts) : request.scores, say};
  const auto& data = source.config.data;
  if (!data.classes.empty()) {
    source.classes = classes_in(data);
  } else if (!names_no_data(data)) {
    source.classes = data::classes_of(data);
  }
  source.segmenter =
      on_device(model::load_torchscript(source.name, use), request.device);
  return source;
}

NetworkSource source_of(const NetworkFile& file, torch::Device device) {
  NetworkSource source;
  source.config = file.config;
  source.classes = file.classes;
  source.name = file.name;
  source.segmenter = compiled(file.network, file.config, device);
  return source;
}

NetworkFile from_weights(const NetworkRequest& request) {
  NetworkFile file;
  file.config = make_config(Json::object(), request.config);
  file.name = file.config.train.init_from;
  if (file.name.empty()) {
    throw ConfigError(
        "no network: give --checkpoint, --torchscript, or --config with --init-from"
    );
  }
  const auto weights =
      weights::read_weights(file.name, file.config.train.init_key);
  if (has_default_network(file.config)) {
    const auto found = recognize_network(weights.tensors, request.config);
    if (found) {
      say(fmt::format("{}: {}", file.name, found->about));
      file.config = found->config;
    }
  }
  const auto& data = file.config.data;
  file.classes =
      data.classes.empty() ? data::classes_of(data) : classes_in(data);
  if (names_no_data(data)) {
    const auto count = count_classes(file.config.model, weights.tensors);
    if (count) file.classes = data::usual_classes(*count);
  }
  file.network = model::DeepLab(
      file.config.model, file.classes.size(), model::StartWeights::kUnset
  );
  weights::load_tensors(*file.network, weights).require_complete(file.name);
  return file;
}

/// Returns true if the command line names weights (--init-from).
bool brings_weights(const NetworkRequest& request) {
  const auto& changes = request.config.changes;
  return std::any_of(changes.begin(), changes.end(), [](const auto& change) {
    return change.key == "train.init_from";
  });
}

void warn_of_slow_convolutions() {
  const auto warning = convolution_warning();
  if (!warning.empty()) std::cerr << warning << '\n';
}

}  // namespace

NetworkFile open_network_file(const NetworkRequest& request) {
  if (!request.checkpoint.empty() && brings_weights(request)) {
    throw ConfigError(
        "several networks: give one of --checkpoint and --init-from"
    );
  }
  auto file = request.checkpoint.empty() ? from_weights(request)
                                         : from_checkpoint(request);
  file.network->set_output_stride(file.config.evaluate_stride());
  return file;
}

NetworkSource open_network(const NetworkRequest& request) {
  const bool checkpoint = !request.checkpoint.empty();
  const bool torchscript = !request.torchscript.empty();
  if ((checkpoint && torchscript) ||
      ((checkpoint || torchscript) && brings_weights(request))) {
    throw ConfigError(
        "several networks: give one of --checkpoint, --torchscript and --init-from"
    );
  }
  auto source = torchscript
                    ? from_torchscript(request)
                    : source_of(open_network_file(request), request.device);
  warn_of_slow_convolutions();
  return source;
}

Segmenter open_checkpoint(
    const std::string& path, const RunConfig& config, torch::Device device
) {
  return compiled(engine::open_checkpoint(path).network, config, device);
}

Segmenter open_teacher(
    const RunConfig& config, const Classes& classes, torch::Device device
) {
  const auto& path = config.train.teacher->file;
  const auto facts = facts_of(path);
  if (facts) {
    const auto refuse = [&](const char* what) {
      throw DataError(fmt::format(
          "{}: was trained with different {}; a teacher needs those of this run",
          path, what
      ));
    };
    const auto& own = facts->config.data;
    if (!own.classes.empty() && own.classes != classes.names) refuse("classes");
    const bool normalizes = own.mean == std::vector<double>(3, 0) &&
                            own.std == std::vector<double>(3, 1);
    if (normalizes && own.mean != config.data.mean) {
      throw DataError(fmt::format(
          "{}: normalises its input, but gets images that are normalised already; export the teacher without --normalize",
          path
      ));
    }
    if (own.mean != config.data.mean || own.std != config.data.std) {
      refuse("data.mean or data.std");
    }
  }
  model::ScriptUse use;
  use.device = device;
  use.notify = say;
  if (facts) use.scores = score_kind(*facts);
  return [inner = model::load_torchscript(path, use), path,
          num_classes = classes.size()](const torch::Tensor& images) {
    const torch::NoGradGuard no_grad;
    auto scores = inner(images);
    if (scores.size(1) != num_classes) {
      throw DataError(fmt::format(
          "{}: scores {} classes, but the data set has {}; a teacher needs the same classes",
          path, scores.size(1), num_classes
      ));
    }
    return scores;
  };
}

}  // namespace deeplab::apps
