// SPDX-License-Identifier: Apache-2.0
// Vectors of float32 that are read from and written to float32 or bfloat16, for
// the files that end in _loops.cpp.
#pragma once

#include <cstdint>
#include <cstring>

#include "deeplab/nn/loops.h"

namespace deeplab::compile {

constexpr int64_t kLanes = 16;
using Floats = float __attribute__((vector_size(4 * kLanes)));
using Words = uint32_t __attribute__((vector_size(4 * kLanes)));
using Halves = uint16_t __attribute__((vector_size(2 * kLanes)));

DEEPLAB_BODY Floats load(const float* values) {
  Floats result;
  std::memcpy(&result, values, sizeof result);
  return result;
}

DEEPLAB_BODY Floats load(const nn::Bfloat16* values) {
  Halves halves;
  std::memcpy(&halves, values, sizeof halves);
  const auto bits = __builtin_convertvector(halves, Words) << 16;
  Floats result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

DEEPLAB_BODY void store(const Floats& values, float* result) {
  std::memcpy(result, &values, sizeof values);
}

/// Rounds to the nearest value, ties to even. A NaN stays a NaN.
DEEPLAB_BODY void store(const Floats& values, nn::Bfloat16* result) {
  Words bits;
  std::memcpy(&bits, &values, sizeof bits);
  const auto rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  const auto is_number = values == values;
  const auto halves =
      __builtin_convertvector(is_number ? rounded : Words{} + 0x7FC0, Halves);
  std::memcpy(result, &halves, sizeof halves);
}

}  // namespace deeplab::compile
