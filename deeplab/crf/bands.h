// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace deeplab::crf {

/// A linear map from one row of values to another in which each output comes
/// from `count` inputs that lie together.
struct Bands {
  size_t inputs = 0;
  size_t outputs = 0;
  size_t count = 0;
  /// [outputs]: the first of its inputs.
  std::vector<uint32_t> first;
  /// [outputs, count]
  std::vector<float> taps;
};

/// The Gaussian exp(-t^2 / 2 sigma^2) over `extent` pixels, those beyond the
/// ends being 0. With step 1: `blur`, cut off beyond four sigmas. With a larger
/// step, a power of 2, in three: `down` to every step-th place by repeated
/// [1 4 6 4 1] / 16, `blur` there with what is left of the Gaussian, `up` as
/// the transpose of `down`.
/// Source: Burt 1981, "Fast Filter Transforms for Image Processing".
struct GaussianBands {
  Bands down;
  Bands blur;
  Bands up;
};

/// The largest power of 2 for which the three steps lie within 0.006 of the
/// Gaussian at any pair of pixels, and within 0.001 of its sum: sigma / 1.5 at
/// most, and 16 in `extent` pixels.
size_t gaussian_step(double sigma, size_t extent);

GaussianBands gaussian_bands(double sigma, size_t extent, size_t step);

}  // namespace deeplab::crf
