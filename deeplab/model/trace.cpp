// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/trace.h"

#include <string>

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/frontend/tracer.h>

namespace deeplab::model {
namespace {

namespace jit = torch::jit;

/// Returns a TorchScript module with the same tensors under the same names.
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

}  // namespace

jit::Module trace(
    const DeepLab& network,
    const std::function<torch::Tensor(const torch::Tensor& images)>& forward
) {
  const auto unit = std::make_shared<jit::CompilationUnit>();
  auto script = mirror(*network, unit, "__torch__.DeepLab");
  // Any size will do, since the traced code reads the sizes in each call.
  const auto parameters = network->parameters();
  const auto example = torch::zeros(
      {1, 3, 65, 97}, torch::TensorOptions().device(parameters.front().device())
  );
  const auto traced = jit::tracer::trace(
      {example},
      [&](const jit::Stack& inputs) -> jit::Stack {
        return {forward(inputs.at(0).toTensor())};
      },
      [](const torch::Tensor& /*tensor*/) { return std::string(); },
      /*strict=*/true,
      /*force_outplace=*/false, &script
  );
  auto* function = unit->create_function(
      c10::QualifiedName(*script.type()->name(), "forward"), traced.first->graph
  );
  script.type()->addMethod(function);
  return script;
}

}  // namespace deeplab::model
