// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/autocast.h"

#include <ATen/autocast_mode.h>

#include "deeplab/core/libtorch_versions.h"

namespace deeplab::nn {
namespace {

std::optional<torch::ScalarType> type_on(torch::DeviceType device) {
  if (!libtorch::is_autocast_enabled(device)) return std::nullopt;
  return libtorch::autocast_type(device);
}

}  // namespace

Autocast::Autocast(
    torch::Device device, std::optional<torch::ScalarType> precision
)
    : device_(device), active_(precision.has_value()) {
  if (!active_) return;
  libtorch::enable_autocast(device_.type(), *precision);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (!active_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  libtorch::disable_autocast(device_.type());
}

std::optional<torch::ScalarType> active_autocast_type() {
  const auto on_cpu = type_on(torch::kCPU);
  return on_cpu ? on_cpu : type_on(torch::kCUDA);
}

}  // namespace deeplab::nn
