// SPDX-License-Identifier: Apache-2.0
#include "deeplab/core/process_share.h"

#include <algorithm>

#include "support/support.h"

namespace deeplab {
namespace {

TEST(ProcessShare, GivesEveryItemToExactlyOneProcess) {
  for (int64_t processes = 1; processes <= 5; ++processes) {
    for (int64_t all = 0; all <= 11; ++all) {
      std::vector<int64_t> items;
      for (int64_t rank = 0; rank < processes; ++rank) {
        const ProcessShare share{rank, processes};
        for (int64_t i = 0; i < share.size(all); ++i) {
          items.push_back(share.whole_index(i));
        }
      }
      std::sort(items.begin(), items.end());
      std::vector<int64_t> expected;
      for (int64_t i = 0; i < all; ++i) expected.push_back(i);
      EXPECT_EQ(items, expected) << processes << " processes";
    }
  }
}

TEST(ProcessShare, ReadsItsOwnSamples) {
  const SampleSource samples{7, [](int64_t index) {
                               Sample sample;
                               sample.name = std::to_string(index);
                               return sample;
                             }};
  const auto own = ProcessShare{2, 3}.of(samples);
  ASSERT_EQ(own.size, 2);
  EXPECT_EQ(own.at(0).name, "2");
  EXPECT_EQ(own.at(1).name, "5");
}

}  // namespace
}  // namespace deeplab
