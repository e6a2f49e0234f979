// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>
#include <map>

#include <fmt/core.h>

#include "apps/cli/flags.h"
#include "apps/cli/verbs.h"
#include "apps/run/network_source.h"
#include "apps/verbs/network_flags.h"
#include "deeplab/core/error.h"
#include "deeplab/core/version.h"
#include "deeplab/model/torchscript.h"

namespace deeplab::apps {
namespace {

model::ScriptOutput output_of(const std::string& word) {
  const std::map<std::string, model::ScriptOutput> known{
      {"logits", model::ScriptOutput::kLogits},
      {"probabilities", model::ScriptOutput::kProbabilities},
      {"labels", model::ScriptOutput::kLabels}};
  const auto found = known.find(word);
  if (found != known.end()) return found->second;
  throw ConfigError(
      fmt::format("--output {}; known: logits, probabilities, labels", word)
  );
}

/// Rejects names whose ending stands for another format, because they would
/// mislead the file's readers.
void check_name(const std::string& path) {
  const auto suffix = std::filesystem::path(path).extension();
  if (suffix != ".onnx" && suffix != ".safetensors") return;
  throw ConfigError(fmt::format(
      "--out {}: export writes TorchScript; end the name in .pt (deeplab convert writes safetensors)",
      path
  ));
}

/// Returns what predict and evaluate need to know about the exported network,
/// as JSON.
std::string metadata(const NetworkFile& file, const Flags& flags) {
  auto config = file.config;
  record_classes(config, file.classes);
  const auto stride = pixels_per_feature(config.evaluate_stride());
  config.evaluate.output_stride.reset();
  const Json normalization{
      {"mean", config.data.mean}, {"std", config.data.std}};
  const bool inside = flags.has("normalize");
  if (inside) {
    config.data.mean = {0, 0, 0};
    config.data.std = {1, 1, 1};
  }
  const Json json{
      {"deeplab", kVersion},
      {"output", flags.text("output")},
      {"output_stride", stride},
      {"normalization", normalization},
      {"normalization_inside", inside},
      {"config", write_config(config)}};
  return json.dump(2);
}

}  // namespace

int export_network(const Arguments& arguments) {
  Flags flags(
      "export", "Writes a network as TorchScript, for LibTorch and Python.",
      "--checkpoint FILE --out FILE.pt [flags]"
  );
  const CheckpointFlags checkpoint_flags(flags);
  auto add = flags.add();
  const auto text = [] { return cxxopts::value<std::string>(); };
  add("out", "TorchScript file to write (.pt).", text());
  add("output",
      "What the exported network returns: logits, probabilities or labels.",
      text()->default_value("logits"));
  add("normalize",
      "Include the normalisation, so that the exported network takes RGB in 0..1."
  );
  add("freeze",
      "Freeze the network for inference: parameters become constants, and batch norms are folded into convolutions."
  );
  if (!flags.parse(arguments)) return 0;
  if (!flags.has("out"))
    throw ConfigError("--out is not given; name a .pt file");
  check_name(flags.text("out"));

  model::ScriptOptions options;
  options.output = output_of(flags.text("output"));
  const auto file = open_network_file(checkpoint_flags.request());
  if (flags.has("normalize")) {
    options.normalization = {file.config.data.mean, file.config.data.std};
  }
  options.freeze = flags.has("freeze");
  options.metadata = metadata(file, flags);
  model::export_torchscript(file.network, options, flags.text("out"));
  std::cout << flags.text("out") << '\n';
  return 0;
}

}  // namespace deeplab::apps
