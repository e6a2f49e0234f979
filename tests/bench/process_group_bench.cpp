// SPDX-License-Identifier: Apache-2.0
// Times the all-reduce of a tensor over two processes on the loopback
// interface, for tools/benchmark_processes. Two threads, each with its own
// process group, take the place of the processes. bytes_per_second counts the
// tensor once.
#include <thread>

#include <benchmark/benchmark.h>
#include <torch/types.h>

#include "deeplab/engine/process_group.h"

namespace {

using deeplab::engine::ProcessGroup;
using deeplab::engine::ProcessPlace;

/// Returns the process group of one of the two threads.
std::unique_ptr<ProcessGroup> join(int64_t rank, int64_t port) {
  ProcessPlace place;
  place.rank = rank;
  place.size = 2;
  place.port = port;
  return std::make_unique<ProcessGroup>(place, std::chrono::seconds(60));
}

void sum_over_two(benchmark::State& state) {
  static int64_t port = 29610;
  ++port;
  std::thread other([&, at = port, floats = state.range(0)] {
    const auto group = join(1, at);
    auto values = torch::ones({floats});
    // In each round, the first process sends whether there is another round.
    while (group->sum(0.0) > 0) {
      group->sum(values);
      values.fill_(1);
    }
  });
  const auto group = join(0, port);
  auto values = torch::ones({state.range(0)});
  for (auto _ : state) {
    state.PauseTiming();
    group->sum(1.0);
    state.ResumeTiming();
    group->sum(values);
    state.PauseTiming();
    values.fill_(1);
    state.ResumeTiming();
  }
  group->sum(0.0);
  other.join();
  state.SetBytesProcessed(
      state.iterations() * state.range(0) * static_cast<int64_t>(sizeof(float))
  );
}
BENCHMARK(sum_over_two)
    ->Arg(1)
    ->Arg(1 << 10)
    ->Arg(1 << 18)
    ->Arg(1 << 20)
    ->Arg(1 << 24)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
