// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "deeplab/model/segmenter.h"

namespace deeplab::engine {

/// The most memory that torch's tensors held at once while `work` ran, in
/// bytes, of all devices; what its libraries use besides is not seen. Counts
/// what the calling thread allocates and frees.
int64_t peak_tensor_bytes(const std::function<void()>& work);

/// What a network needs for an image, in bytes.
struct MemoryModel {
  double fixed = 0;
  double per_pixel = 0;

  double bytes(double pixels) const { return fixed + per_pixel * pixels; }
};

/// Runs the network on images of 129 x 129 and 257 x 257 and draws the line.
MemoryModel measure_memory(const model::Segmenter& segmenter);

}  // namespace deeplab::engine
