// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/autocast.h"

#include <ATen/autocast_mode.h>
#include <torch/version.h>

namespace deeplab::nn {
namespace {

namespace autocast = at::autocast;

// LibTorch 2.4 has one set of functions for all devices.
#if TORCH_VERSION_MAJOR > 2 || \
    (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
void enable(torch::Device device, torch::ScalarType type) {
  autocast::set_autocast_dtype(device.type(), type);
  autocast::set_autocast_enabled(device.type(), true);
}
void disable(torch::Device device) {
  autocast::set_autocast_enabled(device.type(), false);
}
std::optional<torch::ScalarType> type_on(torch::DeviceType device) {
  if (!autocast::is_autocast_enabled(device)) return std::nullopt;
  return autocast::get_autocast_dtype(device);
}
#else
void enable(torch::Device device, torch::ScalarType type) {
  if (device.is_cpu()) {
    autocast::set_autocast_cpu_dtype(type);
    autocast::set_cpu_enabled(true);
  } else {
    autocast::set_autocast_gpu_dtype(type);
    autocast::set_enabled(true);
  }
}
void disable(torch::Device device) {
  device.is_cpu() ? autocast::set_cpu_enabled(false)
                  : autocast::set_enabled(false);
}
std::optional<torch::ScalarType> type_on(torch::DeviceType device) {
  if (device == torch::kCPU) {
    if (!autocast::is_cpu_enabled()) return std::nullopt;
    return autocast::get_autocast_cpu_dtype();
  }
  if (!autocast::is_enabled()) return std::nullopt;
  return autocast::get_autocast_gpu_dtype();
}
#endif

}  // namespace

Autocast::Autocast(
    torch::Device device, std::optional<torch::ScalarType> precision
)
    : device_(device), active_(precision.has_value()) {
  if (!active_) return;
  enable(device_, *precision);
  autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (!active_) return;
  if (autocast::decrement_nesting() == 0) autocast::clear_cache();
  disable(device_);
}

std::optional<torch::ScalarType> autocast_now() {
  const auto on_cpu = type_on(torch::kCPU);
  return on_cpu ? on_cpu : type_on(torch::kCUDA);
}

}  // namespace deeplab::nn
