// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace deeplab::crf {

/// A linear map from one row of values to another. Each output depends on
/// `count` adjacent inputs.
struct Bands {
  size_t inputs = 0;
  size_t outputs = 0;
  size_t count = 0;
  /// [outputs]: index of the first input of each output.
  std::vector<uint32_t> first;
  /// [outputs, count].
  std::vector<float> taps;
};

/// The Gaussian exp(-t^2 / 2 sigma^2) over `extent` pixels, with zeros beyond
/// the ends. With step 1, only `blur` is used; it is cut off beyond four
/// sigmas. With a larger step, a power of 2, there are three maps: `down`
/// reduces to every step-th place by repeated [1 4 6 4 1] / 16, `blur` applies
/// the rest of the Gaussian there, and `up` is the transpose of `down`.
/// Source: Burt 1981, "Fast Filter Transforms for Image Processing".
struct GaussianBands {
  Bands down;
  Bands blur;
  Bands up;
};

/// Returns the largest power of 2 that is at most sigma / 1.5 and at most
/// extent / 16, but at least 1. Up to it, the three maps together differ from
/// the Gaussian by at most 0.006 for any pair of pixels, and from its sum by at
/// most 0.001.
size_t gaussian_step(double sigma, size_t extent);

GaussianBands gaussian_bands(double sigma, size_t extent, size_t step);

}  // namespace deeplab::crf
