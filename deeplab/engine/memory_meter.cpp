// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/memory_meter.h"

#include <algorithm>

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <torch/types.h>

#include "deeplab/core/libtorch_versions.h"

namespace deeplab::engine {
namespace {

/// Receives each allocation of the thread in the way that torch's profiler
/// does.
class Listener : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(
      void* /*block*/,
      int64_t bytes,
      libtorch::MemoryTotal /*allocated*/,
      libtorch::MemoryTotal /*reserved*/,
      c10::Device /*device*/
  ) override {
    held_ += bytes;
    peak_ = std::max(peak_, held_);
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t peak() const { return peak_; }

 private:
  int64_t held_ = 0;
  int64_t peak_ = 0;
};

}  // namespace

int64_t peak_tensor_bytes(const std::function<void()>& work) {
  const auto listener = std::make_shared<Listener>();
  {
    const c10::DebugInfoGuard guard(
        c10::DebugInfoKind::PROFILER_STATE, listener
    );
    work();
  }
  return listener->peak();
}

MemoryModel measure_memory(const Segmenter& segmenter) {
  constexpr int64_t kSmall = 129;
  constexpr int64_t kLarge = 257;
  const auto peak = [&](int64_t side) {
    const auto image = torch::zeros({1, 3, side, side});
    // The first run also allocates what later runs reuse.
    segmenter(image);
    return static_cast<double>(peak_tensor_bytes([&] { segmenter(image); }));
  };
  const double small = peak(kSmall);
  const double large = peak(kLarge);
  MemoryModel model;
  model.per_pixel = (large - small) / (kLarge * kLarge - kSmall * kSmall);
  model.fixed = std::max(0.0, small - model.per_pixel * kSmall * kSmall);
  return model;
}

}  // namespace deeplab::engine
