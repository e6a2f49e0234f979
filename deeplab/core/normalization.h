// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace deeplab {

/// The normalisation of a network's input images: (rgb - mean) / std, with rgb
/// in 0..1. Both vectors have three numbers, for red, green and blue.
struct Normalization {
  std::vector<double> mean;
  std::vector<double> std;
};

}  // namespace deeplab
