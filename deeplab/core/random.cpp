// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/random.h"

#include <cmath>
#include <numeric>
#include <utility>

namespace deeplab {

uint64_t mix_seed(std::initializer_list<uint64_t> parts) {
  uint64_t seed = 0;
  for (const uint64_t part : parts) seed = Random(seed ^ part).next();
  return seed;
}

uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15U;
  uint64_t bits = state_;
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  return bits ^ (bits >> 31U);
}

double Random::uniform(double low, double high) {
  constexpr double kTwoToMinus53 = 1.0 / 9007199254740992.0;
  const double unit = static_cast<double>(next() >> 11U) * kTwoToMinus53;
  return low + (high - low) * unit;
}

int64_t Random::integer(int64_t low, int64_t high) {
  const auto count = static_cast<uint64_t>(high - low) + 1;
  return low + static_cast<int64_t>(next() % count);
}

bool Random::chance(double probability) { return uniform(0, 1) < probability; }

double Random::normal() {
  constexpr double kTwoPi = 6.283185307179586;
  const double radius = std::sqrt(-2 * std::log(1 - uniform(0, 1)));
  return radius * std::cos(kTwoPi * uniform(0, 1));
}

std::vector<int64_t> Random::permutation(int64_t count) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = count - 1; i > 0; --i) {
    std::swap(
        order[static_cast<size_t>(i)], order[static_cast<size_t>(integer(0, i))]
    );
  }
  return order;
}

}  // namespace deeplab
