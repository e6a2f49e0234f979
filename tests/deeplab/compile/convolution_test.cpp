// SPDX-License-Identifier: Apache-2.0
#include "deeplab/compile/convolution.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace deeplab::compile {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Case {
  ConvolutionPlan plan;
  ConvolutionWeights weights;
  torch::Tensor input;
};

Case draw(ConvolutionPlan plan, int64_t batch, int64_t height, int64_t width) {
  const auto wide = torch::kFloat64;
  Case drawn{plan, {}, {}};
  drawn.weights.weight = torch::randn(
      {plan.out_channels, plan.in_channels / plan.groups, plan.kernel[0],
       plan.kernel[1]},
      wide
  );
  drawn.weights.bias = torch::randn(plan.out_channels, wide);
  drawn.input = torch::randn({batch, plan.in_channels, height, width});
  return drawn;
}

torch::Tensor expected(const Case& drawn, const torch::Tensor& residual) {
  const auto& plan = drawn.plan;
  auto input = drawn.input.to(torch::kFloat64);
  if (plan.rectifies_input) input = input.relu();
  auto output = at::conv2d(
      input, drawn.weights.weight, drawn.weights.bias, plan.stride,
      plan.padding, plan.dilation, plan.groups
  );
  if (residual.defined()) output = output + residual;
  if (plan.rectifies) output = output.clamp(0, plan.ceiling);
  return output.to(torch::kFloat32);
}

void expect_right(const Case& drawn, const torch::Tensor& residual) {
  const auto theirs = expected(drawn, residual);
  const double largest = theirs.abs().max().item<double>();
  for (const auto precision : {torch::kFloat32, torch::kBFloat16}) {
    auto plan = drawn.plan;
    plan.precision = precision;
    plan.output = precision;
    std::vector<std::unique_ptr<Convolution>> kinds;
    kinds.push_back(make_convolution(plan, drawn.weights, torch::kCPU));
    kinds.push_back(make_plain(plan, drawn.weights, torch::kCPU));
    for (const auto& kind : kinds) {
      const auto copy =
          residual.defined() ? residual.to(precision, false, true) : residual;
      const auto ours = kind->run(drawn.input.clone(), copy);
      ASSERT_EQ(ours.sizes(), theirs.sizes());
      EXPECT_EQ(ours.scalar_type(), precision);
      const double tolerance = precision == torch::kFloat32 ? 1e-5 : 2e-2;
      EXPECT_LT(
          (ours.to(torch::kFloat32) - theirs).abs().max().item<double>(),
          tolerance * largest
      ) << "kernel "
        << plan.kernel[0] << "x" << plan.kernel[1] << " stride "
        << plan.stride[0] << " dilation " << plan.dilation[0] << " channels "
        << plan.in_channels << " groups " << plan.groups << ' ' << precision;
      if (residual.defined()) {
        // Another reader still needs the residual.
        EXPECT_TRUE(torch::equal(copy, residual.to(precision)));
      }
    }
  }
}

class Convolutions : public ::testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(1); }
  torch::NoGradGuard no_grad_;
};

TEST_F(Convolutions, OfEveryKindEqualLibTorchsInFloat64) {
  for (const int64_t groups : {int64_t{1}, int64_t{2}}) {
    for (const int64_t stride : {1, 2}) {
      for (const int64_t dilation : {1, 2, 12}) {
        ConvolutionPlan plan;
        plan.in_channels = 6;
        plan.out_channels = 10;
        plan.groups = groups;
        plan.kernel = {3, 1};
        plan.stride = {stride, stride};
        plan.padding = {dilation, 0};
        plan.dilation = {dilation, dilation};
        plan.rectifies = true;
        plan.ceiling = dilation == 2 ? 6 : kInfinity;
        const auto drawn = draw(plan, 2, 15, 9);
        expect_right(drawn, {});
        expect_right(drawn, torch::randn_like(expected(drawn, {})));
      }
    }
  }
}

TEST_F(Convolutions, DepthwiseOnesEqualLibTorchsInFloat64) {
  for (const int64_t channels : {3, 16, 24, 40, 728}) {
    for (const int64_t dilation : {1, 2, 6, 12}) {
      for (const int64_t stride : {1, 2}) {
        ConvolutionPlan plan;
        plan.in_channels = channels;
        plan.out_channels = channels;
        plan.groups = channels;
        plan.kernel = {3, 3};
        plan.stride = {stride, stride};
        plan.padding = {dilation, dilation};
        plan.dilation = {dilation, dilation};
        plan.rectifies = stride == 2;
        plan.ceiling = stride == 2 ? 6 : kInfinity;
        plan.rectifies_input = dilation == 2;
        const auto drawn = draw(plan, 2, 13, 21);
        expect_right(drawn, {});
        expect_right(drawn, torch::randn_like(expected(drawn, {})));
      }
    }
  }
}

TEST_F(Convolutions, DepthwiseOnesMayHaveKernelsAndPaddingsOfAnySize) {
  ConvolutionPlan plan;
  plan.in_channels = plan.out_channels = plan.groups = 20;
  plan.kernel = {5, 2};
  plan.padding = {4, 0};
  expect_right(draw(plan, 1, 7, 8), {});
  // No place of the kernel lies within the map for some pixels.
  plan.kernel = {1, 1};
  plan.padding = {2, 3};
  expect_right(draw(plan, 1, 3, 2), {});
}

TEST_F(Convolutions, KeepANaN) {
  for (const int64_t groups : {1, 32}) {
    for (const double ceiling : {kInfinity, 6.0}) {
      for (const auto precision : {torch::kFloat32, torch::kBFloat16}) {
        ConvolutionPlan plan;
        plan.in_channels = plan.out_channels = 32;
        plan.groups = groups;
        plan.rectifies = true;
        plan.ceiling = ceiling;
        plan.precision = plan.output = precision;
        auto drawn = draw(plan, 1, 4, 4);
        drawn.weights.weight[3].fill_(std::nan(""));
        const auto output = make_convolution(plan, drawn.weights, torch::kCPU)
                                ->run(drawn.input, {});
        const auto is_nan = output.isnan().to(torch::kInt64);
        EXPECT_EQ(is_nan.sum().item<int64_t>(), 16)
            << groups << ' ' << ceiling << ' ' << precision;
        EXPECT_EQ(is_nan.select(1, 3).sum().item<int64_t>(), 16);
      }
    }
  }
}

TEST_F(Convolutions, AddOneValuePerChannelEverywhere) {
  ConvolutionPlan plan;
  plan.in_channels = 5;
  plan.out_channels = 7;
  expect_right(draw(plan, 2, 4, 6), torch::randn({2, 7, 1, 1}));
}

TEST_F(Convolutions, TakeOverTheMemoryOfAResidualThatNothingElseReads) {
#ifdef DEEPLAB_HAS_ONEDNN
  ConvolutionPlan plan;
  plan.in_channels = 8;
  plan.out_channels = 8;
  const auto drawn = draw(plan, 1, 5, 5);
  const auto convolution = make_convolution(plan, drawn.weights, torch::kCPU);
  auto residual =
      torch::randn({1, 8, 5, 5}).contiguous(torch::MemoryFormat::ChannelsLast);
  const auto theirs = expected(drawn, residual);
  const auto* memory = residual.data_ptr();
  const auto ours = convolution->run(drawn.input, std::move(residual));
  EXPECT_EQ(ours.data_ptr(), memory);
  EXPECT_TRUE(torch::allclose(ours, theirs, 1e-4, 1e-4));
#else
  GTEST_SKIP() << "this build has no oneDNN";
#endif
}

}  // namespace
}  // namespace deeplab::compile
