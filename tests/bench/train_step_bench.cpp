// SPDX-License-Identifier: Apache-2.0
// Times a training step of DeepLabV3+ (MobileNetV2) and of torchvision's
// deeplabv3_resnet50 on random data, with the same networks, batches and
// optimizer as tools/pytorch_step.py. cpu_s is the user and system time of the
// whole process per iteration.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <torch/types.h>

#include "apps/machine/platform.h"
#include "deeplab/engine/trainer.h"
#include "deeplab/model/presets.h"

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) +
         1e-6 * static_cast<double>(time.tv_usec);
}

double process_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Network {
  deeplab::model::DeepLabConfig config;
  int64_t classes;
  int64_t stride;
};

Network mobilenet_v2() {
  Network network{{}, 11, 16};
  network.config.alignment = "edges";
  network.config.aspp.separable = true;
  network.config.decoder_options.separable = true;
  return network;
}

Network resnet50() {
  Network network{deeplab::model::preset("torchvision").config, 21, 8};
  network.config.backbone = "resnet50";
  return network;
}

void train_step(
    benchmark::State& state, const Network& network, const char* precision
) {
  const int64_t batch = state.range(0);
  const int64_t crop = state.range(1);
  torch::manual_seed(0);
  const deeplab::Batch data{
      torch::randn({batch, 3, crop, crop}),
      torch::randint(0, network.classes, {batch, crop, crop}),
      {}};
  deeplab::engine::TrainConfig training;
  training.iterations = 1000000;
  training.batch_size = batch;
  training.output_stride = network.stride;
  training.validate_every = 0;
  training.precision = precision;
  deeplab::engine::Trainer trainer(
      deeplab::model::DeepLab(network.config, network.classes), training
  );
  constexpr int64_t kWarmUp = 2;
  double start = 0;
  deeplab::engine::TrainHooks hooks;
  hooks.should_stop = [&] {
    if (trainer.iteration() < kWarmUp) return false;
    if (trainer.iteration() == kWarmUp) start = process_cpu_seconds();
    return !state.KeepRunning();
  };
  trainer.run([&](int64_t) { return data; }, hooks);
  state.counters["cpu_s"] = benchmark::Counter(
      process_cpu_seconds() - start, benchmark::Counter::kAvgIterations
  );
}

/// Registers the benchmarks NETWORK/PRECISION/BATCH/CROP.
void register_steps(
    const std::string& name,
    const Network& network,
    const std::vector<std::vector<int64_t>>& sizes
) {
  constexpr int64_t kSteps = 10;
  for (const char* precision : {"float32", "bfloat16"}) {
    for (const auto& size : sizes) {
      const auto step = [network, precision](benchmark::State& state) {
        train_step(state, network, precision);
      };
      benchmark::RegisterBenchmark((name + "/" + precision).c_str(), step)
          ->Args(size)
          ->Unit(benchmark::kMillisecond)
          ->Iterations(kSteps)
          ->UseRealTime();
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  deeplab::apps::prepare_platform();
  register_steps("mobilenet_v2", mobilenet_v2(), {{8, 240}});
  register_steps("resnet50", resnet50(), {{2, 257}});
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
