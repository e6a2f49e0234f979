// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace deeplab {

/// Mixes numbers into one seed; every change of any of them, or of their
/// order, gives an unrelated seed.
uint64_t mix_seed(std::initializer_list<uint64_t> parts);

/// Random numbers whose bits depend on the seed alone, not on the platform's
/// standard library (std::uniform_real_distribution is not portable).
/// Source: Steele et al. 2014, "Fast splittable pseudorandom number
/// generators" (SplitMix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next();
  /// In [low, high).
  double uniform(double low, double high);
  /// In [low, high], both included.
  int64_t integer(int64_t low, int64_t high);
  bool chance(double probability);
  /// Normal with mean 0 and standard deviation 1.
  double normal();
  /// The numbers 0..count-1 in random order.
  std::vector<int64_t> permutation(int64_t count);

 private:
  uint64_t state_;
};

}  // namespace deeplab
