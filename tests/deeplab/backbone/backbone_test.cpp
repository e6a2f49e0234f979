// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/backbone.h"

#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::backbone {
namespace {

/// Parameters of torchvision's network less those of its classifier (and of
/// MobileNetV2's features.18).
struct Known {
  const char* name;
  int64_t parameters;
  int64_t low;
  int64_t high;
};

class Backbones : public ::testing::TestWithParam<Known> {};

TEST_P(Backbones, HasTorchvisionsParameters) {
  const auto network = make_backbone(GetParam().name);
  int64_t count = 0;
  for (const auto& parameter : network->parameters()) {
    count += parameter.numel();
  }
  EXPECT_EQ(count, GetParam().parameters);
}

TEST_P(Backbones, GivesMapsOfTheStride) {
  torch::NoGradGuard no_grad;
  const auto network = make_backbone(GetParam().name);
  network->eval();
  const std::vector<std::pair<OutputStride, int64_t>> sides{
      {OutputStride::k32, 3}, {OutputStride::k16, 5}, {OutputStride::k8, 9}};
  for (const auto& [stride, side] : sides) {
    network->set_output_stride(stride);
    const auto features = network->forward(torch::randn({1, 3, 65, 65}));
    EXPECT_EQ(
        features.low.sizes(), (std::vector<int64_t>{1, GetParam().low, 17, 17})
    );
    EXPECT_EQ(
        features.high.sizes(),
        (std::vector<int64_t>{1, GetParam().high, side, side})
    );
  }
}

/// Source: deeplab2's atrous_consistency_test. Checks every dilation at once:
/// dense features, subsampled, are the strided network's.
TEST_P(Backbones, DenseFeaturesSubsampledAreTheStridedOnes) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  const auto network = make_backbone(GetParam().name);
  network->eval();
  const auto images = torch::randn({1, 3, 97, 97});
  network->set_output_stride(OutputStride::k32);
  const auto strided = network->forward(images).high;
  for (const auto stride : {OutputStride::k16, OutputStride::k8}) {
    network->set_output_stride(stride);
    const int64_t step = 32 / pixels_per_feature(stride);
    const auto dense = network->forward(images).high;
    using torch::indexing::Slice;
    const auto subsampled = dense.index(
        {Slice(),
         Slice(),
         Slice(0, torch::indexing::None, step),
         Slice(0, torch::indexing::None, step)}
    );
    ASSERT_EQ(subsampled.sizes(), strided.sizes());
    const double scale = strided.abs().max().item<double>();
    EXPECT_LT((subsampled - strided).abs().max().item<double>(), 1e-4 * scale);
  }
}

TEST_P(Backbones, TakesImagesOfOnePixel) {
  torch::NoGradGuard no_grad;
  const auto network = make_backbone(GetParam().name);
  network->eval();
  const auto features = network->forward(torch::randn({1, 3, 1, 1}));
  EXPECT_EQ(features.high.size(2), 1);
  EXPECT_EQ(features.low.size(3), 1);
}

INSTANTIATE_TEST_SUITE_P(
    All,
    Backbones,
    ::testing::Values(
        Known{"resnet18", 11176512, 64, 512},
        Known{"resnet34", 21284672, 64, 512},
        Known{"resnet50", 23508032, 256, 2048},
        Known{"resnet101", 42500160, 256, 2048},
        Known{"mobilenet_v2", 1811712, 24, 320}
    ),
    [](const auto& tested) { return tested.param.name; }
);

TEST(Backbone, ListsTheKnownNames) {
  EXPECT_EQ(
      testing::message_of<ConfigError>([] { make_backbone("resnet19"); }),
      "model.backbone is \"resnet19\"; known: resnet18, resnet34, resnet50, "
      "resnet101, mobilenet_v2"
  );
}

}  // namespace
}  // namespace deeplab::backbone
