// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/post_process.h"

#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::crf {
namespace {

using ::testing::HasSubstr;

TEST(PostProcess, GivesEachImageOfABatchWhatItGetsAlone) {
  torch::manual_seed(1);
  const auto logits = torch::randn({3, 4, 15, 22});
  const auto images = torch::randint(0, 256, {3, 15, 22, 3}, torch::kUInt8);
  const auto together = post_process(logits, images, {});
  EXPECT_EQ(together.sizes(), logits.sizes());
  EXPECT_TRUE(
      torch::allclose(together.sum(1), torch::ones({3, 15, 22}), 1e-5, 1e-5)
  );
  for (int64_t i = 0; i < 3; ++i) {
    const auto alone =
        post_process(logits.slice(0, i, i + 1), images.slice(0, i, i + 1), {});
    EXPECT_TRUE(torch::equal(alone[0], together[i]));
  }
}

TEST(PostProcess, RefusesSwappedSidesAndLogitsThatAreNotFinite) {
  const auto images = torch::zeros({1, 6, 8, 3}, torch::kUInt8);
  EXPECT_THAT(
      testing::message_of<c10::Error>([&] {
        post_process(torch::zeros({1, 2, 8, 6}), images, {});
      }),
      HasSubstr("expected logits [N, C, H, W] and images u8")
  );
  const auto broken = torch::full({1, 2, 6, 8}, NAN);
  EXPECT_THROW(post_process(broken, images, {}), DataError);
}

TEST(PostProcess, RefinesOneImageAsABatchOfOne) {
  const auto logits = torch::randn({3, 6, 8});
  const auto pixels = torch::randint(0, 256, {6, 8, 3}, torch::kUInt8);
  EXPECT_TRUE(torch::equal(
      refine(logits, pixels, {}),
      post_process(logits.unsqueeze(0), pixels.unsqueeze(0), {})[0]
  ));
}

}  // namespace
}  // namespace deeplab::crf
