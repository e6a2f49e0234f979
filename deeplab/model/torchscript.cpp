// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/torchscript.h"

#include <sstream>

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/script.h>

#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/shared_bytes.h"
#include "deeplab/model/evaluation_mode.h"

namespace deeplab::model {
namespace {

namespace jit = torch::jit;

constexpr const char* kMetadata = "deeplab.json";

/// A TorchScript module with the same tensors under the same names.
jit::Module mirror(
    const torch::nn::Module& module,
    const std::shared_ptr<jit::CompilationUnit>& unit,
    const std::string& type
) {
  jit::Module result(c10::QualifiedName(type), unit);
  for (const auto& item : module.named_parameters(/*recurse=*/false)) {
    result.register_parameter(item.key(), item.value(), /*is_buffer=*/false);
  }
  for (const auto& item : module.named_buffers(/*recurse=*/false)) {
    result.register_buffer(item.key(), item.value());
  }
  for (const auto& child : module.named_children()) {
    result.register_module(
        child.key(), mirror(*child.value(), unit, type + "_" + child.key())
    );
  }
  return result;
}

torch::Tensor per_channel(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat32).view({1, -1, 1, 1});
}

torch::Tensor finish(const torch::Tensor& logits, ScriptOutput output) {
  switch (output) {
    case ScriptOutput::kProbabilities:
      return logits.softmax(1);
    case ScriptOutput::kLabels:
      return logits.argmax(1);
    case ScriptOutput::kLogits:
      break;
  }
  return logits;
}

jit::Module trace(DeepLab& network, const ScriptOptions& options) {
  // Made before the trace, which keeps them as constants.
  torch::Tensor mean;
  torch::Tensor deviation;
  if (options.normalization) {
    mean = per_channel(options.normalization->mean);
    deviation = per_channel(options.normalization->deviation);
  }
  const auto forward = [&](const torch::Tensor& images) {
    const auto input = mean.defined() ? (images - mean) / deviation : images;
    return finish(network->forward(input), options.output);
  };
  const auto unit = std::make_shared<jit::CompilationUnit>();
  auto script = mirror(*network, unit, "__torch__.DeepLab");
  // Any size will do: sizes are read anew in each call.
  const auto example = torch::zeros({1, 3, 65, 97});
  const auto traced = jit::tracer::trace(
      {example},
      [&](const jit::Stack& inputs) -> jit::Stack {
        return {forward(inputs.at(0).toTensor())};
      },
      [](const torch::Tensor& /*tensor*/) { return std::string(); },
      /*strict=*/true,
      /*force_outplace=*/false,
      &script
  );
  auto* function = unit->create_function(
      c10::QualifiedName(*script.type()->name(), "forward"), traced.first->graph
  );
  script.type()->addMethod(function);
  return script;
}

}  // namespace

void export_torchscript(
    DeepLab network, const ScriptOptions& options, const std::string& path
) {
  torch::NoGradGuard no_grad;
  const EvaluationMode mode(*network);
  auto script = trace(network, options);
  script.eval();
  if (options.freeze) script = jit::freeze(script);
  write_atomically(path, [&](std::ostream& stream) {
    script.save(stream, {{kMetadata, options.metadata}});
  });
}

std::string read_script_metadata(const std::string& path) {
  // A file that is not there has a message of its own.
  SharedBytes::map_file(path);
  jit::ExtraFilesMap files{{kMetadata, ""}};
  try {
    jit::load(path, torch::kCPU, files);
  } catch (const c10::Error&) {
    throw DataError(str(path, ": not a TorchScript file"));
  }
  return files[kMetadata];
}

}  // namespace deeplab::model
