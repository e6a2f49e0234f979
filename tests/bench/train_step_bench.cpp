// SPDX-License-Identifier: Apache-2.0
// Times a training step of DeepLabV3+ (MobileNetV2) on random data, with the
// same network, batch and optimizer as tools/pytorch_step.py. cpu_s is the user
// and system time of the whole process per iteration.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <torch/types.h>

#include "apps/machine/platform.h"
#include "deeplab/engine/trainer.h"

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

void train_step(benchmark::State& state, const char* precision) {
  constexpr int64_t kClasses = 11;
  const int64_t batch = state.range(0);
  const int64_t crop = state.range(1);
  deeplab::model::DeepLabConfig config;
  config.alignment = "edges";
  config.aspp.separable = true;
  config.decoder_options.separable = true;
  torch::manual_seed(0);
  const deeplab::model::DeepLab network(config, kClasses);
  const deeplab::Batch data{
      torch::randn({batch, 3, crop, crop}),
      torch::randint(0, kClasses, {batch, crop, crop}),
      {}};
  deeplab::engine::TrainConfig training;
  training.iterations = 1000000;
  training.batch_size = batch;
  training.validate_every = 0;
  training.precision = precision;
  deeplab::engine::Trainer trainer(network, training);
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
void sizes(benchmark::internal::Benchmark* benchmark) {
  constexpr int64_t kSteps = 10;
  benchmark->Args({8, 240})
      ->Args({6, 336})
      ->Unit(benchmark::kMillisecond)
      ->Iterations(kSteps)
      ->UseRealTime();
}
BENCHMARK_CAPTURE(train_step, float32, "float32")->Apply(sizes);
BENCHMARK_CAPTURE(train_step, bfloat16, "bfloat16")->Apply(sizes);

}  // namespace

int main(int argc, char** argv) {
  deeplab::apps::prepare_platform();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
