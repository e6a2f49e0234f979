// SPDX-License-Identifier: Apache-2.0
// Times the input pipeline, from files to normalised training crops of 513x513
// with DeepLabV3's scales and flips. tools/benchmark_input compares it with
// Python.
//   bench_input DIR [--benchmark_...]    any data set that --data takes
#include <iostream>

#include <benchmark/benchmark.h>
#include <opencv2/core.hpp>
#include <torch/types.h>
#include <torch/utils.h>

#include "data/kinds.h"
#include "data/loader.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

std::shared_ptr<const Dataset> dataset;

LoaderOptions options_of(int64_t workers) {
  const DataConfig config;
  LoaderOptions options;
  options.batch_size = 4;
  options.workers = workers;
  options.normalization = {config.mean, config.std};
  return options;
}

/// Loads one sample after the other in one thread.
void decode_and_augment(benchmark::State& state) {
  const auto options = options_of(0);
  int64_t index = 0;
  for (auto _ : state) {
    Random random(static_cast<uint64_t>(index));
    const auto sample = to_sample(
        augment(
            dataset->load(index % dataset->size()), options.augment,
            options.normalization, random
        ),
        options.normalization
    );
    benchmark::DoNotOptimize(sample.image.data_ptr());
    ++index;
  }
  state.SetItemsProcessed(state.iterations());
}

/// Loads batches as a training does.
void batches(benchmark::State& state) {
  const auto options = options_of(state.range(0));
  const auto source = make_loader(dataset, options);
  int64_t iteration = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(source(iteration++).images.data_ptr());
  }
  state.SetItemsProcessed(state.iterations() * options.batch_size);
}

BENCHMARK(decode_and_augment)->Unit(benchmark::kMillisecond);
BENCHMARK(batches)
    ->ArgName("workers")
    ->DenseRange(0, 2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

int run(int count, char** words) {
  benchmark::Initialize(&count, words);
  if (count != 2) {
    std::cerr << "usage: bench_input DIR [--benchmark_...]\n";
    return 2;
  }
  // OpenCV uses one thread per sample; more would hide the effect of the
  // workers.
  cv::setNumThreads(1);
  torch::set_num_threads(1);
  DataConfig config;
  config.root = words[1];
  config.kind = kind_of(config.root, "");
  dataset = make_dataset(config, Role::kTrain);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace deeplab::data

int main(int count, char** words) {
  try {
    return deeplab::data::run(count, words);
  } catch (const deeplab::Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
