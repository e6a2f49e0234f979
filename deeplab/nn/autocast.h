// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <torch/types.h>

namespace deeplab::nn {

/// Enables LibTorch's autocast while the object lives: convolutions and matrix
/// products run in `precision`, whereas weights and operations that need a wide
/// range stay in float32. Does nothing if `precision` is not set.
class Autocast {
 public:
  Autocast(torch::Device device, std::optional<torch::ScalarType> precision);
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;
  ~Autocast();

 private:
  torch::Device device_;
  bool active_;
};

/// Returns the autocast type that is enabled on the CPU or, if there is none,
/// on CUDA; empty if autocast is disabled on both.
std::optional<torch::ScalarType> active_autocast_type();

}  // namespace deeplab::nn
