// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernel_terms.h"

#include <algorithm>
#include <cmath>

#include "deeplab/crf/kernels/parallel.h"

namespace deeplab::crf {

Features features_of(const KernelOptions& options, const Image& image) {
  if (options.features) return *options.features;
  Features features;
  features.count = static_cast<size_t>(image.height * image.width);
  const auto channels = static_cast<size_t>(image.channels);
  const size_t dimensions = 2 + (options.color_sigma ? channels : 0);
  features.dimensions = dimensions;
  features.values.resize(features.count * dimensions);
  const double per_pixel = 1 / options.position_sigma;
  const double per_level = 1 / options.color_sigma.value_or(1);
  const auto width = static_cast<size_t>(image.width);
  parallel_ranges(static_cast<size_t>(image.height), [&](Range range) {
    float* value = &features.values[range.begin * width * dimensions];
    const uint8_t* levels = image.pixels + range.begin * width * channels;
    for (size_t y = range.begin; y < range.end; ++y) {
      for (size_t x = 0; x < width; ++x, levels += channels) {
        *value++ = static_cast<float>(static_cast<double>(x) * per_pixel);
        *value++ = static_cast<float>(static_cast<double>(y) * per_pixel);
        for (size_t c = 0; c + 2 < dimensions; ++c) {
          *value++ = static_cast<float>(levels[c] * per_level);
        }
      }
    }
  });
  return features;
}

Scales scales_for(
    Normalization normalization, const std::vector<float>& sums, double weight
) {
  Scales scales{std::vector<float>(sums.size(), 1), {}};
  scales.taken = scales.given;
  const auto factor = static_cast<float>(weight);
  parallel_ranges(sums.size(), [&](Range range) {
    for (size_t i = range.begin; i < range.end; ++i) {
      // The sum of a pixel without neighbours may be 0; the bound avoids a
      // division by 0.
      const float n = std::max(sums[i], 1e-20F);
      float& given = scales.given[i];
      float& taken = scales.taken[i];
      if (normalization == Normalization::kSymmetric) {
        given = taken = 1 / std::sqrt(n);
      } else if (normalization == Normalization::kAfter) {
        taken = 1 / n;
      } else if (normalization == Normalization::kBefore) {
        given = 1 / n;
      }
      taken *= factor;
    }
  });
  return scales;
}

}  // namespace deeplab::crf
