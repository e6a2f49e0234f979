// SPDX-License-Identifier: Apache-2.0
// Times the networks of several presets on one image of 513x513: as modules,
// compiled in two precisions, as exported TorchScript and as frozen
// TorchScript, with the peak of memory that tensors take; and single
// convolutions, which tell what the machine gives. The counters of TorchScript
// are the seconds of a file's first three calls, in which LibTorch's executor
// may profile and compile it.
//   bench_inference [Google Benchmark's flags]
//   bench_inference --export PRESET STRIDE FILE.pt
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <torch/types.h>
#include <unistd.h>

#include "apps/machine/platform.h"
#include "deeplab/compile/compiled_network.h"
#include "deeplab/compile/convolution.h"
#include "deeplab/core/error.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/presets.h"
#include "deeplab/model/torchscript.h"

namespace {

using namespace deeplab;

struct Network {
  const char* preset;
  int64_t stride;
};
constexpr std::array kNetworks{
    Network{"deeplabv3-resnet101", 8}, Network{"deeplabv3plus-resnet101", 16},
    Network{"deeplabv3plus-xception65", 16},
    Network{"deeplabv3plus-mobilenetv2", 16}};

enum class Form { kModule, kCompiled, kBfloat16, kExported, kFrozen };
constexpr std::array kForms{
    std::make_pair(Form::kModule, "module"),
    std::make_pair(Form::kCompiled, "compiled"),
    std::make_pair(Form::kBfloat16, "compiled_bfloat16"),
    std::make_pair(Form::kExported, "exported"),
    std::make_pair(Form::kFrozen, "frozen")};

constexpr int kCalls = 8;

model::DeepLab make_network(const Network& network) {
  constexpr int64_t kClasses = 21;
  torch::manual_seed(0);
  model::DeepLab result(model::preset(network.preset).config, kClasses);
  result->set_output_stride(to_output_stride(network.stride, "stride"));
  result->eval();
  return result;
}

Segmenter make(const Network& network, Form form) {
  const auto made = make_network(network);
  switch (form) {
    case Form::kModule:
      return model::make_segmenter(made);
    case Form::kCompiled:
      return compile::compile(made, torch::kFloat32);
    case Form::kBfloat16:
      return compile::compile(made, torch::kBFloat16);
    default:
      break;
  }
  const auto file = std::filesystem::temp_directory_path() /
                    fmt::format("deeplab_inference_{}.pt", ::getpid());
  model::ScriptOptions options;
  options.freeze = form == Form::kFrozen;
  model::export_torchscript(made, options, file);
  auto script = model::load_torchscript(file, {});
  std::filesystem::remove(file);
  return script;
}

void infer(benchmark::State& state, const Network& network, Form form) {
  constexpr int64_t kSide = 513;
  const auto segmenter = make(network, form);
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

/// A convolution of 256 to 256 channels with bias and ReLU.
void convolve(benchmark::State& state, int64_t kernel, torch::ScalarType type) {
  constexpr int64_t kChannels = 256;
  constexpr int64_t kSide = 65;
  compile::ConvolutionPlan plan;
  plan.in_channels = plan.out_channels = kChannels;
  plan.kernel = {kernel, kernel};
  plan.padding = {kernel / 2, kernel / 2};
  plan.rectifies = true;
  plan.precision = plan.output = type;
  const auto convolution = compile::make_convolution(
      plan,
      {torch::randn({kChannels, kChannels, kernel, kernel}, torch::kFloat64),
       torch::randn(kChannels, torch::kFloat64)},
      torch::kCPU
  );
  const auto input = torch::randn({1, kChannels, kSide, kSide})
                         .to(type)
                         .contiguous(torch::MemoryFormat::ChannelsLast);
  for (auto _ : state) {
    benchmark::DoNotOptimize(convolution->run(input, {}).data_ptr());
  }
  state.counters["multiply_adds"] = static_cast<double>(
      kChannels * kChannels * kernel * kernel * kSide * kSide
  );
}

void register_all() {
  const auto add = [](const std::string& name, auto function, int calls) {
    benchmark::RegisterBenchmark(name.c_str(), function)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime()
        ->Iterations(calls);
  };
  for (const auto& network : kNetworks) {
    for (const auto& item : kForms) {
      add(
          fmt::format("{}/{}/{}", network.preset, network.stride, item.second),
          [&network, form = item.first](benchmark::State& state) {
            infer(state, network, form);
          },
          kCalls
      );
    }
  }
  constexpr int kManyCalls = 100;
  for (const int64_t kernel : {1, 3}) {
    for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
      add(
          fmt::format(
              "convolution_{}x{}/{}", kernel, kernel,
              type == torch::kFloat32 ? "float32" : "bfloat16"
          ),
          [kernel, type](benchmark::State& state) {
            convolve(state, kernel, type);
          },
          kManyCalls
      );
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  apps::prepare_platform();
  if (argc == 5 && std::strcmp(argv[1], "--export") == 0) {
    const auto network = make_network({argv[2], std::stoll(argv[3])});
    model::export_torchscript(network, {}, argv[4]);
    return 0;
  }
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
