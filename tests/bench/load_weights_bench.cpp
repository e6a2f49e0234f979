// SPDX-License-Identifier: Apache-2.0
// Measures the loading of a file of 244 MB (torchvision's DeepLabV3-ResNet-101
// as safetensors): its time, for comparison the time of only reading the bytes,
// and its memory. The counter `growth_per_byte` is the growth of the process's
// peak memory, including mapped pages of the file, divided by the file's size.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <benchmark/benchmark.h>
#include <torch/types.h>

#include "deeplab/core/atomic_file.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/presets.h"
#include "deeplab/weights/name_map.h"
#include "deeplab/weights/read_weights.h"
#include "deeplab/weights/safetensors.h"

namespace deeplab {
namespace {

namespace fs = std::filesystem;

/// Returns a value of /proc/self/status, in bytes.
double process_bytes(const std::string& key) {
  std::istringstream lines(read_file("/proc/self/status"));
  std::string word;
  while (lines >> word) {
    if (word != key + ":") continue;
    double kilobytes = 0;
    lines >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

/// Resets the peak memory recorded by the kernel to the current size.
void reset_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

class LoadWeights : public benchmark::Fixture {
 public:
  LoadWeights() : network_(model::preset("torchvision").config, 21) {
    weights::write_safetensors(path_, {weights::state_dict(*network_), {}});
    bytes_ = static_cast<double>(fs::file_size(path_));
  }
  ~LoadWeights() override { fs::remove(path_); }

  template <class Load>
  void measure(benchmark::State& state, const Load& load) {
    load();  // From here on, the file is in the page cache.
    reset_peak();
    const double before = process_bytes("VmRSS");
    for (auto _ : state) load();
    state.SetBytesProcessed(
        static_cast<int64_t>(bytes_) * static_cast<int64_t>(state.iterations())
    );
    state.counters["growth_per_byte"] =
        (process_bytes("VmHWM") - before) / bytes_;
  }

 protected:
  std::string path_ = fs::temp_directory_path() / "deeplab_load_bench";
  model::DeepLab network_;
  double bytes_ = 0;
};

BENCHMARK_F(LoadWeights, ReadBytes)(benchmark::State& state) {
  measure(state, [&] {
    std::ifstream stream(path_, std::ios::binary);
    std::vector<char> bytes(static_cast<size_t>(bytes_));
    stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    benchmark::DoNotOptimize(bytes.data());
  });
}

BENCHMARK_F(LoadWeights, ReadWeights)(benchmark::State& state) {
  measure(state, [&] {
    const auto file = weights::read_weights(path_, "");
    for (const auto& item : file.tensors) {
      benchmark::DoNotOptimize(item.value().sum());
    }
  });
}

BENCHMARK_F(LoadWeights, FillNetwork)(benchmark::State& state) {
  measure(state, [&] { weights::load_file(*network_, {path_, ""}); });
}

}  // namespace
}  // namespace deeplab

BENCHMARK_MAIN();
