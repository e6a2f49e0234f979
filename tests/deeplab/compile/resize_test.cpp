// SPDX-License-Identifier: Apache-2.0
#include "deeplab/compile/resize.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace deeplab::compile {
namespace {

TEST(Resize, EqualsThatOfTheNetworks) {
  torch::manual_seed(2);
  const auto like = torch::empty({1, 1, 35, 50});
  const nn::Resampling cases[] = {
      {nn::Alignment::kCentres, {0, 16}, {0, 1}},
      {nn::Alignment::kCentres, {1.5, 4}, {0, 1}},
      {nn::Alignment::kCentres, {7.5, 16}, {1.5, 4}},
      {nn::Alignment::kEdges, {}, {}},
      {nn::Alignment::kCorners, {}, {}}};
  for (const auto& resampling : cases) {
    for (const int64_t channels : {1, 5, 16, 21, 48}) {
      for (const auto& side : {std::pair{3, 4}, {1, 1}, {9, 13}, {70, 99}}) {
        const auto features =
            torch::randn({2, channels, side.first, side.second});
        const auto theirs = nn::resize_like(features, like, resampling);
        for (const auto format : {MapFormat::kLast, MapFormat::kPlanes}) {
          const auto ours = resize(features, like, resampling, format);
          ASSERT_EQ(ours.sizes(), theirs.sizes());
          EXPECT_LT((ours - theirs).abs().max().item<float>(), 1e-5)
              << channels << " channels of " << side.first << 'x'
              << side.second;
          const auto narrow =
              resize(features.to(torch::kBFloat16), like, resampling, format);
          EXPECT_EQ(narrow.scalar_type(), torch::kBFloat16);
          EXPECT_LT(
              (narrow.to(torch::kFloat32) - theirs).abs().max().item<float>(),
              0.05
          );
        }
      }
    }
  }
}

TEST(Resize, GivesOnePlanePerChannelWhereThatIsAskedFor) {
  const auto like = torch::empty({1, 1, 9, 9});
  const nn::Resampling resampling{nn::Alignment::kCorners, {}, {}};
  const auto features = torch::randn({1, 21, 3, 3});
  EXPECT_TRUE(
      resize(features, like, resampling, MapFormat::kPlanes).is_contiguous()
  );
  EXPECT_TRUE(resize(features, like, resampling, MapFormat::kLast)
                  .is_contiguous(torch::MemoryFormat::ChannelsLast));
}

}  // namespace
}  // namespace deeplab::compile
