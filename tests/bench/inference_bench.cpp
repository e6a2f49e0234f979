// SPDX-License-Identifier: Apache-2.0
// Times the networks of several presets on one image of 513x513: as modules, as
// exported TorchScript and as frozen TorchScript. The counters are the seconds
// of a TorchScript file's first three calls, in which LibTorch's executor may
// profile and compile the script.
#include <array>
#include <chrono>
#include <filesystem>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <torch/types.h>
#include <unistd.h>

#include "apps/machine/platform.h"
#include "deeplab/core/error.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/presets.h"
#include "deeplab/model/torchscript.h"

namespace {

using namespace deeplab;

enum class Form { kModule, kExported, kFrozen };

Segmenter make(const std::string& name, Form form) {
  constexpr int64_t kClasses = 21;
  const auto chosen = model::preset(name);
  model::DeepLab network(chosen.config, kClasses);
  network->set_output_stride(chosen.output_stride);
  network->eval();
  if (form == Form::kModule) return model::make_segmenter(network);
  const auto file = std::filesystem::temp_directory_path() /
                    fmt::format("deeplab_inference_{}.pt", ::getpid());
  model::ScriptOptions options;
  options.freeze = form == Form::kFrozen;
  model::export_torchscript(network, options, file);
  auto script = model::load_torchscript(file, {});
  std::filesystem::remove(file);
  return script;
}

void infer(benchmark::State& state, const char* name, Form form) {
  constexpr int64_t kSide = 513;
  torch::manual_seed(0);
  const auto segmenter = make(name, form);
  const auto image = torch::randn({1, 3, kSide, kSide});
  for (const char* call : {"first_s", "second_s", "third_s"}) {
    const auto start = std::chrono::steady_clock::now();
    segmenter(image);
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - start;
    state.counters[call] = took.count();
  }
  for (auto _ : state) benchmark::DoNotOptimize(segmenter(image).data_ptr());
}

}  // namespace

int main(int argc, char** argv) {
  apps::prepare_platform();
  constexpr std::array kPresets{
      "deeplabv3-resnet101", "deeplabv3plus-resnet101",
      "deeplabv3plus-xception65", "deeplabv3plus-mobilenetv2"};
  constexpr std::array kForms{
      std::make_pair(Form::kModule, "module"),
      std::make_pair(Form::kExported, "exported"),
      std::make_pair(Form::kFrozen, "frozen")};
  for (const char* name : kPresets) {
    for (const auto& [form, word] : kForms) {
      benchmark::RegisterBenchmark(
          fmt::format("{}/{}", name, word).c_str(), infer, name, form
      )
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime()
          ->Iterations(8);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
