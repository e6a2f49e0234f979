// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/largest_class.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace deeplab::metrics {
namespace {

TEST(LargestClass, IsTorchsArgmaxForAnyShape) {
  torch::manual_seed(0);
  for (const int64_t classes : {1, 2, 21, 150}) {
    for (const int64_t height : {1, 7, 33}) {
      for (const int64_t width : {1, 31, 32, 97}) {
        const auto scores = torch::randn({classes, height, width});
        const auto largest = largest_class(scores);
        EXPECT_EQ(largest.scalar_type(), torch::kInt64);
        EXPECT_TRUE(largest.equal(scores.argmax(0)));
      }
    }
  }
}

TEST(LargestClass, TakesScoresOfAnyTypeAndLayout) {
  const auto scores = torch::randn({40, 50, 6}).permute({2, 0, 1});
  const auto expected = scores.argmax(0);
  EXPECT_TRUE(largest_class(scores).equal(expected));
  EXPECT_TRUE(largest_class(scores.to(torch::kFloat64)).equal(expected));
}

TEST(LargestClass, IsTheFirstOfEqualScores) {
  const auto scores = torch::tensor({1.F, 2.F, 2.F, -1.F, -1.F, -3.F})
                          .view({2, 3, 1})
                          .permute({1, 0, 2});
  // Pixel 0 has the scores 1, 2, 2, and pixel 1 has -1, -1, -3.
  EXPECT_TRUE(
      largest_class(scores).equal(torch::tensor({{1}, {0}}, torch::kInt64))
  );
}

}  // namespace
}  // namespace deeplab::metrics
