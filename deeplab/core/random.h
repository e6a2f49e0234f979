// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace deeplab {

/// Mixes numbers into one seed. Changing any number, or their order, gives an
/// unrelated seed.
uint64_t mix_seed(std::initializer_list<uint64_t> parts);

/// Random numbers whose bits depend only on the seed, on every platform.
/// (std::uniform_real_distribution differs between standard libraries.)
/// Source: Steele et al. 2014, "Fast splittable pseudorandom number generators"
///         (SplitMix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next();
  /// Returns a number in [low, high).
  double uniform(double low, double high);
  /// Returns a number in [low, high], both ends included.
  int64_t integer(int64_t low, int64_t high);
  bool chance(double probability);
  /// Returns a normally distributed number of mean 0 and standard deviation 1.
  double normal();
  /// Returns the numbers 0..count-1 in random order.
  std::vector<int64_t> permutation(int64_t count);

 private:
  uint64_t state_;
};

}  // namespace deeplab
