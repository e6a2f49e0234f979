// SPDX-License-Identifier: Apache-2.0
#include "apps/run/compiled.h"

#include <iostream>
#include <mutex>

#include "apps/machine/platform.h"
#include "deeplab/compile/compiled_network.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

torch::ScalarType precision_of(
    const EvaluateConfig& config, torch::Device device
) {
  if (config.precision == "float32") return torch::kFloat32;
  if (config.precision == "float16") {
    if (device.is_cuda()) return torch::kFloat16;
    throw ConfigError(
        "evaluate.precision is \"float16\", which needs a CUDA device; use \"bfloat16\""
    );
  }
  if (device.is_cpu() && !has_bfloat16()) {
    // A training compiles its network at each validation.
    static std::once_flag has_warned;
    std::call_once(has_warned, [] {
      std::cerr
          << "warning: this CPU has no bfloat16 instructions, so evaluate.precision \"bfloat16\" is slower than \"float32\"\n";
    });
  }
  return torch::kBFloat16;
}

}  // namespace

Segmenter compiled(
    model::DeepLab network, const RunConfig& config, torch::Device device
) {
  network->set_output_stride(config.evaluate_stride());
  network->to(device);
  return
      [inner = compile::compile(network, precision_of(config.evaluate, device)),
       device](const torch::Tensor& images) {
        return inner(images.to(device));
      };
}

}  // namespace deeplab::apps
