// SPDX-License-Identifier: Apache-2.0
#include "deeplab/weights/decimate_vgg.h"

namespace deeplab::weights {
namespace {

/// Returns `count` indices in 0..size-1, evenly spaced from the first to the
/// last; the middle index if `count` is 1.
torch::Tensor spread(int64_t size, int64_t count) {
  if (count == 1) return torch::tensor({size / 2});
  return torch::linspace(
             0, static_cast<double>(size - 1), count, torch::kFloat64
  )
      .round()
      .to(torch::kInt64);
}

}  // namespace

void decimate_vgg(
    const StateDict& file, const StateDict& own, StateDict& into
) {
  const auto* fc6 = file.find("classifier.0.weight");
  const auto* fc7 = file.find("classifier.3.weight");
  if (fc6 == nullptr || fc7 == nullptr) return;
  if (fc6->dim() != 2 ||
      fc7->sizes() != std::vector<int64_t>(2, fc6->size(0))) {
    return;
  }
  constexpr int64_t kSide = 7;
  for (const auto& item : own) {
    const auto& name = item.key();
    const bool is_fc6 = name.find("fc6.") != std::string::npos;
    const bool is_fc7 = name.find("fc7.") != std::string::npos;
    if ((!is_fc6 && !is_fc7) || into.contains(name)) continue;
    const auto& wanted = item.value();
    const auto& source = is_fc6 ? *fc6 : *fc7;
    if (wanted.size(0) > source.size(0)) continue;
    const auto channels = spread(source.size(0), wanted.size(0));
    if (wanted.dim() == 1) {
      const auto* bias =
          file.find(is_fc6 ? "classifier.0.bias" : "classifier.3.bias");
      if (bias != nullptr) into.insert(name, bias->index_select(0, channels));
      continue;
    }
    const int64_t in = wanted.size(1);
    if (is_fc7) {
      into.insert(
          name, source.index_select(0, channels)
                    .index_select(1, spread(source.size(1), in))
                    .view(wanted.sizes())
      );
    } else if (source.size(1) == in * kSide * kSide && wanted.size(2) <= kSide) {
      const auto taps = spread(kSide, wanted.size(2));
      into.insert(
          name, source.view({source.size(0), in, kSide, kSide})
                    .index_select(0, channels)
                    .index_select(2, taps)
                    .index_select(3, taps)
      );
    }
  }
}

}  // namespace deeplab::weights
