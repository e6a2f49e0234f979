// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "deeplab/metrics/evaluation.h"

namespace deeplab::metrics {

/// A comparison of two results on the same images, with its uncertainty.
struct Comparison {
  /// Mean IoU of the second result minus that of the first.
  double difference = 0;
  /// Bounds of the 95 % confidence interval of the difference, from resampled
  /// sets of images.
  double low = 0;
  double high = 0;

  /// Returns true if the interval excludes 0, so that the difference does not
  /// merely come from the choice of images. It says nothing about the
  /// randomness of training; for that, train with several seeds.
  bool is_clear() const { return low > 0 || high < 0; }
};

/// Compares two results by a paired bootstrap. Each of the `rounds` (>= 1)
/// draws as many images as there are, with replacement; both results are scored
/// on the same draw.
/// Throws: Error if the results do not cover the same images, or cover none.
/// Source: Efron and Tibshirani 1993, "An introduction to the bootstrap",
///         section 13.3 (percentile interval).
Comparison compare(
    const std::map<std::string, ImageCounts>& first,
    const std::map<std::string, ImageCounts>& second,
    int64_t rounds,
    uint64_t seed
);

}  // namespace deeplab::metrics
