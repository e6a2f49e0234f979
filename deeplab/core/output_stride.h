// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace deeplab {

/// Ratio of the input image's side to that of the backbone's last feature map.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 3.1.
/// Above 32 only with cascaded blocks (table 1 there).
enum class OutputStride : int64_t {
  k4 = 4,
  k8 = 8,
  k16 = 16,
  k32 = 32,
  k64 = 64,
  k128 = 128,
  k256 = 256,
};

/// The stride as a plain number of input pixels per feature.
constexpr int64_t pixels_per_feature(OutputStride stride) {
  return static_cast<int64_t>(stride);
}

/// Checks a number from the user.
/// Throws: ConfigError that begins with `subject`, unless one of them.
OutputStride to_output_stride(int64_t pixels, const std::string& subject);

}  // namespace deeplab
