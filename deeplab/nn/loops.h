// SPDX-License-Identifier: Apache-2.0
// This header has what the files that end in _loops.cpp share.
#pragma once

#include <cstdint>

// Compiles a function once for each vector width; the loader picks the widest
// that the CPU supports.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DEEPLAB_VECTOR_WIDTHS \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DEEPLAB_VECTOR_WIDTHS
#endif
// Inlines a loop body, so that it is compiled for the vector width of its
// caller.
#define DEEPLAB_BODY __attribute__((always_inline)) inline

namespace deeplab::nn {

/// A bfloat16 number: the upper half of the bits of a float, with the memory
/// layout of at::BFloat16.
struct Bfloat16 {
  uint16_t bits;
};

}  // namespace deeplab::nn
