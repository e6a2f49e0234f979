// SPDX-License-Identifier: Apache-2.0
// Golden files: a photo, unary energies, and the results of mean field,
// computed over all pairs of pixels in float64 by NumPy (see
// tests/golden/README.md).
#pragma once

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "deeplab/crf/dense_crf.h"
#include "support/support.h"

namespace deeplab::crf {

struct GoldenCase {
  static constexpr int64_t kHeight = 48;
  static constexpr int64_t kWidth = 64;
  static constexpr size_t kLabels = 5;
  static constexpr size_t kPixels = 48 * 64;

  std::string pixels = testing::read_text(path("image_u8_48x64x3"));
  /// Unary energies, [labels, pixels].
  std::vector<float> unary = floats("unary_f32_5x48x64", kLabels* kPixels);

  static std::string path(const std::string& name) {
    return "tests/golden/crf/" + name + ".bin";
  }
  static std::vector<float> floats(const std::string& name, size_t count) {
    return testing::read_floats(path(name), count);
  }
  Image image() const {
    return {
        reinterpret_cast<const uint8_t*>(pixels.data()), kHeight, kWidth, 3};
  }
};

/// Returns the parameters of the golden files whose names begin with 'a' or
/// 'b'.
inline DenseCrfOptions golden_options(char name) {
  DenseCrfOptions options;
  if (name == 'b') {
    options.kernels = {{5, 10, 20}, {3, 3, {}}};
  }
  return options;
}

inline double mean_difference(
    const std::vector<float>& one, const std::vector<float>& other
) {
  double sum = 0;
  for (size_t i = 0; i < one.size(); ++i) {
    sum +=
        std::abs(static_cast<double>(one[i]) - static_cast<double>(other[i]));
  }
  return sum / static_cast<double>(one.size());
}

inline double largest_difference(
    const std::vector<float>& one, const std::vector<float>& other
) {
  double most = 0;
  for (size_t i = 0; i < one.size(); ++i) {
    most = std::max(
        most,
        std::abs(static_cast<double>(one[i]) - static_cast<double>(other[i]))
    );
  }
  return most;
}

}  // namespace deeplab::crf
