// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <torch/types.h>

namespace deeplab::nn {

/// While it lives, convolutions and products run in a narrower type, with
/// weights and all that needs range kept in float32: LibTorch's autocast.
/// Nothing happens without a type.
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

/// The narrower type that is in force on the CPU or, else, on CUDA.
std::optional<torch::ScalarType> autocast_now();

}  // namespace deeplab::nn
