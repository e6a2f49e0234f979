// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace deeplab {

/// Ratio of the side of the input image to that of the backbone's last feature
/// map. Values above 32 occur only with cascaded blocks (table 1 of the
/// source).
/// Source: Chen et al. 2017, arXiv:1706.05587, section 3.1.
enum class OutputStride : int64_t {
  k4 = 4,
  k8 = 8,
  k16 = 16,
  k32 = 32,
  k64 = 64,
  k128 = 128,
  k256 = 256,
};

/// Returns the stride as a number of input pixels per feature.
constexpr int64_t pixels_per_feature(OutputStride stride) {
  return static_cast<int64_t>(stride);
}

/// Converts a number given by the user.
/// Throws: ConfigError whose message begins with `subject`, if `pixels` is not
///         one of the strides.
OutputStride to_output_stride(int64_t pixels, const std::string& subject);

}  // namespace deeplab
