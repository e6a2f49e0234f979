// SPDX-License-Identifier: Apache-2.0
// All differences between the supported versions of LibTorch (1.13 and 2.x)
// that matter to this code. No other file checks LibTorch's version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <ATen/autocast_mode.h>
#include <torch/types.h>
#include <torch/version.h>

namespace deeplab::libtorch {

// LibTorch 2.4 replaced the separate autocast functions of each device by
// functions that take the device.
#if TORCH_VERSION_MAJOR > 2 || \
    (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
inline void enable_autocast(torch::DeviceType device, torch::ScalarType type) {
  at::autocast::set_autocast_dtype(device, type);
  at::autocast::set_autocast_enabled(device, true);
}
inline void disable_autocast(torch::DeviceType device) {
  at::autocast::set_autocast_enabled(device, false);
}
inline bool is_autocast_enabled(torch::DeviceType device) {
  return at::autocast::is_autocast_enabled(device);
}
inline torch::ScalarType autocast_type(torch::DeviceType device) {
  return at::autocast::get_autocast_dtype(device);
}
#else
inline void enable_autocast(torch::DeviceType device, torch::ScalarType type) {
  if (device == torch::kCPU) {
    at::autocast::set_autocast_cpu_dtype(type);
    at::autocast::set_cpu_enabled(true);
  } else {
    at::autocast::set_autocast_gpu_dtype(type);
    at::autocast::set_enabled(true);
  }
}
inline void disable_autocast(torch::DeviceType device) {
  device == torch::kCPU ? at::autocast::set_cpu_enabled(false)
                        : at::autocast::set_enabled(false);
}
inline bool is_autocast_enabled(torch::DeviceType device) {
  return device == torch::kCPU ? at::autocast::is_cpu_enabled()
                               : at::autocast::is_enabled();
}
inline torch::ScalarType autocast_type(torch::DeviceType device) {
  return device == torch::kCPU ? at::autocast::get_autocast_cpu_dtype()
                               : at::autocast::get_autocast_gpu_dtype();
}
#endif

/// Type in which LibTorch reports totals of bytes to a memory listener.
#if TORCH_VERSION_MAJOR >= 2
using MemoryTotal = size_t;
#else
using MemoryTotal = int64_t;
#endif

template <class Options, class = void>
struct HasLibuvOption : std::false_type {};
template <class Options>
struct HasLibuvOption<
    Options,
    std::void_t<decltype(std::declval<Options>().useLibUV)>> : std::true_type {
};

/// Makes a `c10d::TCPStore` use threads instead of libuv. Since LibTorch 2.4, a
/// store uses libuv by default and fails in a LibTorch that was built without
/// it, such as Debian's.
template <class StoreOptions>
void serve_without_libuv([[maybe_unused]] StoreOptions& options) {
  if constexpr (HasLibuvOption<StoreOptions>::value) options.useLibUV = false;
}

}  // namespace deeplab::libtorch
