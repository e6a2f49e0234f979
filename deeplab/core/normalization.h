// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace deeplab {

/// How images are normalised for a network: (rgb - mean) / std, with rgb in
/// 0..1. Both vectors have three numbers, for red, green and blue.
struct Normalization {
  std::vector<double> mean;
  std::vector<double> std;
};

}  // namespace deeplab
