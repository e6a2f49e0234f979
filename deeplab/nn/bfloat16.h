// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deeplab::nn {

/// A bfloat16 number: the upper half of the bits of a float, with the memory
/// layout of at::BFloat16.
struct Bfloat16 {
  uint16_t bits;
};

}  // namespace deeplab::nn
