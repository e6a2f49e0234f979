// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/random.h"

#include <algorithm>

#include "deeplab/core/error.h"
#include "deeplab/core/output_stride.h"
#include "support/support.h"

namespace deeplab {
namespace {

TEST(Random, GivesTheNumbersOfSplitMix64) {
  // The expected numbers are those of the reference implementation for the seed
  // 1234567.
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317U);
  EXPECT_EQ(random.next(), 3203168211198807973U);
}

TEST(Random, SeedsDifferByEveryPartAndByOrder) {
  EXPECT_NE(mix_seed({1, 2, 3}), mix_seed({1, 2, 4}));
  EXPECT_NE(mix_seed({1, 2}), mix_seed({2, 1}));
  EXPECT_EQ(mix_seed({1, 2}), mix_seed({1, 2}));
}

TEST(Random, StaysInRangeAndReachesBothEnds) {
  Random random(1);
  int64_t low = 9;
  int64_t high = 0;
  for (int i = 0; i < 1000; ++i) {
    const double real = random.uniform(2, 3);
    EXPECT_GE(real, 2);
    EXPECT_LT(real, 3);
    const int64_t whole = random.integer(4, 7);
    low = std::min(low, whole);
    high = std::max(high, whole);
  }
  EXPECT_EQ(low, 4);
  EXPECT_EQ(high, 7);
}

TEST(Random, PermutationHoldsEachNumberOnce) {
  auto order = Random(5).permutation(100);
  EXPECT_NE(order, Random(6).permutation(100));
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(OutputStride, NamesTheBadOne) {
  EXPECT_EQ(to_output_stride(8, "x"), OutputStride::k8);
  EXPECT_EQ(
      testing::message_of<ConfigError>([] { to_output_stride(12, "x"); }),
      "x is 12; known: 4, 8, 16, 32, 64, 128, 256"
  );
}

}  // namespace
}  // namespace deeplab
