// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "deeplab/engine/evaluation.h"

namespace deeplab::engine {

/// How sure it is that one result is better than another on the same images.
struct Comparison {
  /// Mean IoU of the second less that of the first.
  double difference = 0;
  /// Middle 95 % of the difference over resampled sets of images.
  double low = 0;
  double high = 0;

  /// Whether the interval leaves out 0: the difference is not noise of which
  /// images were in the set. Says nothing of the noise of training; for that,
  /// train with several seeds.
  bool is_clear() const { return low > 0 || high < 0; }
};

/// Paired bootstrap: draws as many images as there are, with replacement and
/// the same for both, `rounds` times.
/// Throws: Error where the two did not count the same images, or none.
/// Source: Efron and Tibshirani 1993, "An introduction to the bootstrap",
///         section 13.3 (percentile interval).
Comparison compare(
    const std::map<std::string, ImageCounts>& first,
    const std::map<std::string, ImageCounts>& second,
    int64_t rounds,
    uint64_t seed
);

}  // namespace deeplab::engine
