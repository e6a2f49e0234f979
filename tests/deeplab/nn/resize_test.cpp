// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/resize.h"

#include <torch/torch.h>

#include "support/support.h"

namespace deeplab::nn {
namespace {

TEST(Resize, ByProductsEqualsTorchsWithItsGradients) {
  torch::manual_seed(1);
  for (const auto corners : {AlignCorners::kNo, AlignCorners::kYes}) {
    for (const auto& [height, width] :
         {std::pair{13, 17}, {5, 4}, {1, 1}, {9, 7}, {3, 20}}) {
      const auto source = torch::randn({2, 3, 5, 7});
      auto ours = source.clone().requires_grad_();
      auto theirs = source.clone().requires_grad_();
      const auto resized = resize_deterministic(
          ours, {height, width, 5.0 / height, 7.0 / width}, corners
      );
      const auto expected = at::upsample_bilinear2d(
          theirs, {height, width}, corners == AlignCorners::kYes
      );
      ASSERT_EQ(resized.sizes(), expected.sizes());
      EXPECT_TRUE(torch::allclose(resized, expected, 1e-5, 1e-6));
      const auto gradient = torch::randn(expected.sizes());
      resized.backward(gradient);
      expected.backward(gradient);
      EXPECT_TRUE(torch::allclose(ours.grad(), theirs.grad(), 1e-5, 1e-6));
    }
  }
}

TEST(Resize, MeansOfBinsByProductsEqualTorchsWithTheirGradients) {
  torch::manual_seed(1);
  for (const int64_t bins : {1, 2, 3, 6}) {
    const auto source = torch::randn({2, 3, 8, 5});
    auto ours = source.clone().requires_grad_();
    auto theirs = source.clone().requires_grad_();
    const auto means = mean_bins_deterministic(ours, bins);
    const auto expected = at::adaptive_avg_pool2d(theirs, {bins, bins});
    EXPECT_TRUE(torch::allclose(means, expected, 1e-5, 1e-6)) << bins;
    const auto gradient = torch::randn(expected.sizes());
    means.backward(gradient);
    expected.backward(gradient);
    EXPECT_TRUE(torch::allclose(ours.grad(), theirs.grad(), 1e-5, 1e-6))
        << bins;
  }
}

}  // namespace
}  // namespace deeplab::nn
