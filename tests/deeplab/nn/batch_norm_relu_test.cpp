// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/batch_norm_relu.h"

#include <limits>

#include <torch/torch.h>

#include "support/support.h"

namespace deeplab::nn {
namespace {

struct Case {
  int64_t batch;
  int64_t channels;
  int64_t height;
  int64_t width;
  double mean;
};

/// torch's own two operations, on the same values.
struct Result {
  torch::Tensor output;
  torch::Tensor d_features;
  torch::Tensor d_weight;
  torch::Tensor d_bias;
  torch::Tensor running_mean;
  torch::Tensor running_var;
};

torch::nn::BatchNorm2d make_norm(int64_t channels) {
  torch::manual_seed(3);
  torch::nn::BatchNorm2d norm(channels);
  torch::NoGradGuard no_grad;
  norm->weight.normal_(1, 0.3);
  norm->bias.normal_(0.5, 1);
  return norm;
}

Result run(const Case& size, ReluCeiling ceiling, bool fused) {
  auto norm = make_norm(size.channels);
  auto features =
      (torch::randn({size.batch, size.channels, size.height, size.width}) +
       size.mean)
          .contiguous(torch::MemoryFormat::ChannelsLast)
          .requires_grad_();
  torch::Tensor output;
  if (fused) {
    output = batch_norm_relu(*norm, features, ceiling);
  } else {
    output = norm(features).clamp_min(0);
    if (ceiling == ReluCeiling::kSix) output = output.clamp_max(6);
  }
  const auto gradient = torch::randn(output.sizes());
  output.backward(gradient);
  return {
      output.detach(),
      features.grad(),
      norm->weight.grad(),
      norm->bias.grad(),
      norm->running_mean,
      norm->running_var};
}

/// Both round differently, in sums over up to thousands of pixels of values
/// about 1, which may cancel to next to nothing.
void expect_close(const torch::Tensor& ours, const torch::Tensor& theirs) {
  const double scale = theirs.abs().max().item<double>() + 1;
  EXPECT_LT((ours - theirs).abs().max().item<double>(), 2e-5 * scale);
}

class BatchNormReluParity : public ::testing::TestWithParam<Case> {};

TEST_P(BatchNormReluParity, EqualsTorchsTwoOperationsForwardAndBackward) {
  for (const auto ceiling : {ReluCeiling::kNone, ReluCeiling::kSix}) {
    const auto ours = run(GetParam(), ceiling, true);
    const auto theirs = run(GetParam(), ceiling, false);
    expect_close(ours.output, theirs.output);
    expect_close(ours.d_features, theirs.d_features);
    expect_close(ours.d_weight, theirs.d_weight);
    expect_close(ours.d_bias, theirs.d_bias);
    expect_close(ours.running_mean, theirs.running_mean);
    expect_close(ours.running_var, theirs.running_var);
  }
}
INSTANTIATE_TEST_SUITE_P(
    Sizes,
    BatchNormReluParity,
    ::testing::Values(
        Case{2, 3, 1, 1, 0},
        Case{2, 8, 5, 7, 0},
        Case{4, 17, 33, 31, 2},
        Case{3, 96, 20, 21, -1},
        Case{2, 4, 16, 16, 20}
    )
);

TEST(BatchNormRelu, IsTorchsInEvaluation) {
  auto norm = make_norm(6);
  norm->eval();
  const auto features = torch::randn({2, 6, 5, 5});
  EXPECT_TRUE(torch::equal(
      batch_norm_relu(*norm, features, ReluCeiling::kNone),
      norm(features).relu()
  ));
}

TEST(BatchNormRelu, LetsANanThroughAsTorchDoes) {
  for (const auto ceiling : {ReluCeiling::kNone, ReluCeiling::kSix}) {
    auto norm = make_norm(2);
    const auto features =
        torch::full({2, 2, 4, 4}, std::numeric_limits<float>::quiet_NaN())
            .contiguous(torch::MemoryFormat::ChannelsLast);
    EXPECT_TRUE(
        batch_norm_relu(*norm, features, ceiling).isnan().all().item<bool>()
    );
  }
}

TEST(BatchNormRelu, GivesTheSameBitsEachTime) {
  const Case size{4, 32, 40, 40, 1};
  const auto one = run(size, ReluCeiling::kSix, true);
  const auto other = run(size, ReluCeiling::kSix, true);
  EXPECT_TRUE(torch::equal(one.output, other.output));
  EXPECT_TRUE(torch::equal(one.d_features, other.d_features));
  EXPECT_TRUE(torch::equal(one.d_weight, other.d_weight));
}

TEST(BatchNormRelu, APassAfterAnotherLeavesTheFirstOnesGradientAlone) {
  torch::nn::BatchNorm2d norm(3);
  const auto plain = torch::randn({2, 3, 4, 4}).requires_grad_();
  const auto fused = torch::randn({2, 3, 4, 4})
                         .contiguous(torch::MemoryFormat::ChannelsLast)
                         .requires_grad_();
  const auto first = norm(plain).pow(2).sum();
  const auto second =
      batch_norm_relu(*norm, fused, ReluCeiling::kNone).pow(2).sum();
  const auto sum = first + second;
  EXPECT_NO_THROW(sum.backward());
  EXPECT_TRUE(plain.grad().defined());
}

}  // namespace
}  // namespace deeplab::nn
