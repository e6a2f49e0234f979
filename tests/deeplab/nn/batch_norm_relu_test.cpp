// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/batch_norm_relu.h"

#include <limits>
#include <optional>

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

/// The outputs and gradients of one run, fused or with torch's two operations.
struct Result {
  torch::Tensor output;
  torch::Tensor d_features;
  torch::Tensor d_weight;
  torch::Tensor d_bias;
  torch::Tensor running_mean;
  torch::Tensor running_var;
};

Norm make_norm(int64_t channels) {
  torch::manual_seed(3);
  Norm norm(channels);
  torch::NoGradGuard no_grad;
  norm->weight.normal_(1, 0.3);
  norm->bias.normal_(0.5, 1);
  return norm;
}

/// Ceiling of the ReLU; nullopt means batch norm without a ReLU.
using MaybeCeiling = std::optional<ReluCeiling>;

Result run(const Case& size, MaybeCeiling ceiling, bool fused) {
  auto norm = make_norm(size.channels);
  auto features =
      (torch::randn({size.batch, size.channels, size.height, size.width}) +
       size.mean)
          .contiguous(torch::MemoryFormat::ChannelsLast)
          .requires_grad_();
  torch::Tensor output;
  if (fused) {
    output = ceiling ? batch_norm_relu(*norm, features, *ceiling)
                     : batch_norm(*norm, features);
  } else {
    output = norm(features);
    if (ceiling) output = output.clamp_min(0);
    if (ceiling == ReluCeiling::kSix) output = output.clamp_max(6);
  }
  const auto gradient = torch::randn(output.sizes());
  output.backward(gradient);
  return {output.detach(),   features.grad(),    norm->weight.grad(),
          norm->bias.grad(), norm->running_mean, norm->running_var};
}

/// The two implementations round differently in sums over up to thousands of
/// pixels. The values are about 1, and may cancel to nearly 0.
void expect_close(const torch::Tensor& ours, const torch::Tensor& theirs) {
  const double scale = theirs.abs().max().item<double>() + 1;
  EXPECT_LT((ours - theirs).abs().max().item<double>(), 2e-5 * scale);
}

class BatchNormReluParity : public ::testing::TestWithParam<Case> {};

TEST_P(BatchNormReluParity, EqualsTorchsOperationsForwardAndBackward) {
  const int threads = at::get_num_threads();
  at::set_num_threads(3);
  for (const MaybeCeiling ceiling :
       {MaybeCeiling(), MaybeCeiling(ReluCeiling::kNone),
        MaybeCeiling(ReluCeiling::kSix)}) {
    const auto ours = run(GetParam(), ceiling, true);
    const auto theirs = run(GetParam(), ceiling, false);
    expect_close(ours.output, theirs.output);
    expect_close(ours.d_features, theirs.d_features);
    expect_close(ours.d_weight, theirs.d_weight);
    expect_close(ours.d_bias, theirs.d_bias);
    expect_close(ours.running_mean, theirs.running_mean);
    expect_close(ours.running_var, theirs.running_var);
  }
  at::set_num_threads(threads);
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

TEST(BatchNormRelu, InBfloat16IsFloat32sResultRounded) {
  torch::manual_seed(4);
  const auto rounded = (torch::randn({3, 40, 9, 11}) + 2)
                           .to(torch::kBFloat16)
                           .contiguous(torch::MemoryFormat::ChannelsLast);
  const auto gradient = torch::randn({3, 40, 9, 11}).to(torch::kBFloat16);
  const auto run_as = [&](torch::ScalarType type) {
    auto norm = make_norm(40);
    auto features = rounded.to(type).clone().requires_grad_();
    const auto output = batch_norm_relu(*norm, features, ReluCeiling::kSix);
    EXPECT_EQ(output.scalar_type(), type);
    output.backward(gradient.to(type));
    return Result{
        output.detach().to(torch::kFloat32),
        features.grad().to(torch::kFloat32),
        norm->weight.grad(),
        norm->bias.grad(),
        norm->running_mean,
        norm->running_var};
  };
  const auto narrow = run_as(torch::kBFloat16);
  const auto wide = run_as(torch::kFloat32);
  // bfloat16 has a mantissa of 8 bits.
  constexpr double kRounding = 1.0 / 256;
  for (const auto& [ours, theirs] :
       {std::pair{narrow.output, wide.output},
        std::pair{narrow.d_features, wide.d_features}}) {
    EXPECT_TRUE(torch::allclose(ours, theirs, kRounding, 1e-6));
  }
  expect_close(narrow.d_weight, wide.d_weight);
  expect_close(narrow.d_bias, wide.d_bias);
  expect_close(narrow.running_mean, wide.running_mean);
  expect_close(narrow.running_var, wide.running_var);
}

TEST(Norm, AsGroupsEqualsTorchsGroupNorm) {
  auto norm = make_norm(12);
  norm->set_groups(8);
  torch::nn::GroupNorm groups(torch::nn::GroupNormOptions(4, 12));
  torch::NoGradGuard no_grad;
  groups->weight.copy_(norm->weight);
  groups->bias.copy_(norm->bias);
  const auto features = torch::randn({2, 12, 5, 4});
  EXPECT_TRUE(torch::allclose(norm(features), groups(features), 1e-5, 1e-6));
  norm->eval();
  EXPECT_TRUE(torch::allclose(norm(features), groups(features), 1e-5, 1e-6));
}

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
  Norm norm(3);
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
