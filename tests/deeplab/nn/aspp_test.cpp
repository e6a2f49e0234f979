// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/aspp.h"

#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::nn {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

Rates at_16(std::vector<int64_t> rates) {
  return {std::move(rates), OutputStride::k16};
}

AsppOptions small() {
  return AsppOptions(8).out_channels(4).rates(at_16({2, 3}));
}

class AsppShapes : public ::testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(AsppShapes, KeepsTheMapsSize) {
  const auto [height, width] = GetParam();
  for (const bool separable : {false, true}) {
    Aspp aspp(small().separable(separable));
    EXPECT_EQ(
        aspp(torch::randn({2, 8, height, width})).sizes(),
        (std::vector<int64_t>{2, 4, height, width})
    );
  }
}
INSTANTIATE_TEST_SUITE_P(
    Sizes,
    AsppShapes,
    ::testing::Combine(::testing::Values(1, 2, 9), ::testing::Values(1, 7))
);

TEST(Aspp, NamesTheBadRate) {
  EXPECT_THAT(
      message_of<ConfigError>([] {
        Aspp(AsppOptions(8).rates(at_16({6, 0})));
      }),
      HasSubstr("aspp.rates[1] is 0")
  );
}

TEST(Aspp, NamesTheShapeThatItExpects) {
  Aspp aspp(small());
  EXPECT_THAT(
      message_of<c10::Error>([&] {
        aspp(torch::ones({1, 9, 4, 4}));
      }),
      HasSubstr("Aspp: expected [N, 8, h, w], got [1, 9, 4, 4]")
  );
}

TEST(Aspp, RefusesABatchOfOneWhileTraining) {
  Aspp aspp(small());
  const auto one = torch::randn({1, 8, 5, 5});
  EXPECT_THAT(
      message_of<c10::Error>([&] { aspp(one); }),
      HasSubstr("needs a batch of 2 or more, got 1")
  );
  aspp->eval();
  EXPECT_NO_THROW(aspp(one));
}

TEST(Aspp, AnotherStrideChangesTheResultButNotTheWeights) {
  Aspp aspp(small());
  aspp->eval();
  const auto features = torch::randn({1, 8, 9, 9});
  const auto before = aspp(features);
  const auto weight = aspp->parameters()[0].clone();
  aspp->set_output_stride(OutputStride::k8);
  EXPECT_EQ(aspp->rates(), (std::vector<int64_t>{4, 6}));
  EXPECT_FALSE(torch::equal(aspp(features), before));
  aspp->set_output_stride(OutputStride::k16);
  EXPECT_TRUE(torch::equal(aspp(features), before));
  EXPECT_TRUE(torch::equal(aspp->parameters()[0], weight));
}

TEST(Aspp, SeesTheWholeMapThroughImagePooling) {
  for (const bool pooling : {false, true}) {
    // The network is wide enough for some channels to pass every ReLU.
    Aspp aspp(small().out_channels(32).rates(at_16({1})).image_pooling(pooling)
    );
    aspp->eval();
    torch::manual_seed(1);
    auto features = torch::randn({1, 8, 9, 9}).requires_grad_();
    aspp(features).index({0, torch::indexing::Slice(), 0, 0}).sum().backward();
    const bool far_corner_matters =
        features.grad()
            .index({0, torch::indexing::Slice(), 8, 8})
            .abs()
            .sum()
            .item<float>() > 0;
    EXPECT_EQ(far_corner_matters, pooling);
  }
}

TEST(Aspp, GradientsReachEveryParameter) {
  Aspp aspp(small().separable(true));
  aspp(torch::randn({2, 8, 7, 7})).pow(2).sum().backward();
  for (const auto& item : aspp->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().sum().item<float>(), 0) << item.key();
  }
}

TEST(Aspp, CloneIsDeep) {
  Aspp aspp(small());
  aspp->set_output_stride(OutputStride::k8);
  aspp->eval();
  const auto copy = std::dynamic_pointer_cast<AsppImpl>(aspp->clone());
  const auto features = torch::randn({1, 8, 9, 9});
  EXPECT_TRUE(torch::equal(copy->forward(features), aspp(features)));
  torch::NoGradGuard no_grad;
  copy->parameters()[0].add_(1);
  EXPECT_FALSE(torch::equal(copy->parameters()[0], aspp->parameters()[0]));
}

}  // namespace
}  // namespace deeplab::nn
