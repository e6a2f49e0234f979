// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "deeplab/core/segmenter.h"

namespace deeplab::engine {

/// Returns the peak memory in bytes that torch's tensors held during `work`,
/// over all devices. Only allocations of the calling thread are counted, and
/// memory that the libraries use internally is not.
int64_t peak_tensor_bytes(const std::function<void()>& work);

/// Memory that a network needs for one image, in bytes, as a linear function of
/// the number of pixels.
struct MemoryModel {
  double fixed = 0;
  double per_pixel = 0;

  double bytes(double pixels) const { return fixed + per_pixel * pixels; }
};

/// Measures the peak memory for images of 129 x 129 and 257 x 257 and returns
/// the line through both.
MemoryModel measure_memory(const Segmenter& segmenter);

}  // namespace deeplab::engine
