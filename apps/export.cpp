// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>
#include <map>

#include "apps/flags.h"
#include "apps/network_source.h"
#include "apps/verbs.h"
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
      str("--output ", word, "; known: logits, probabilities, labels")
  );
}

/// A name that says another format would mislead whoever opens the file.
void check_name(const std::string& path) {
  const auto suffix = std::filesystem::path(path).extension();
  if (suffix != ".onnx" && suffix != ".safetensors") return;
  throw ConfigError(
      str("--out ",
          path,
          ": export writes TorchScript; end the name in .pt (deeplab convert "
          "writes safetensors)")
  );
}

/// What predict and evaluate need to know of the file.
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
      "export",
      "Writes a network as TorchScript, for LibTorch and Python.",
      "--checkpoint FILE --out FILE.pt [flags]"
  );
  add_checkpoint(flags);
  auto add = flags.add();
  const auto text = [] { return cxxopts::value<std::string>(); };
  add("out", "file to write", text());
  add("output",
      "logits, probabilities or labels",
      text()->default_value("logits"));
  add("normalize", "take RGB in 0..1; the normalisation goes into the file");
  add("freeze", "constants for parameters, batch norms folded: to run only");
  if (!flags.parse(arguments)) return 0;
  if (!flags.has("out"))
    throw ConfigError("--out is not given; it names the file");
  check_name(flags.text("out"));

  model::ScriptOptions options;
  options.output = output_of(flags.text("output"));
  const auto file = open_network_file(flags);
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
