// SPDX-License-Identifier: Apache-2.0
#include "deeplab/compile/compiled_presets.h"

namespace deeplab::compile {
namespace {

INSTANTIATE_TEST_SUITE_P(
    Quick,
    CompiledPresets,
    ::testing::Values(
        "deeplabv3plus-mobilenetv2",
        "deeplabv3plus-xception41",
        "pspnet-resnet50"
    ),
    [](const auto& tested) { return model::test_name(tested.param); }
);

model::DeepLabConfig small_config() {
  model::DeepLabConfig config;
  config.backbone = "resnet18";
  config.aspp.channels = 32;
  config.decoder_options.channels = 32;
  return config;
}

/// Largest difference between the scores of a compiled network and its own,
/// relative to the largest logit.
double difference(model::DeepLab network, torch::ScalarType precision) {
  const torch::NoGradGuard no_grad;
  draw_norms(*network);
  const auto compiled = compile(network, precision);
  network->eval();
  double largest = 0;
  for (const auto& images : model::five_images()) {
    const auto theirs = network->forward(images);
    const auto gap = (compiled(images) - theirs).abs().max();
    largest = std::max(
        largest, gap.item<double>() / theirs.abs().max().item<double>()
    );
  }
  return largest;
}

TEST(Compile, EveryDecoderAndAlignmentGivesTheSameScores) {
  for (const char* alignment : {"centres", "edges", "corners"}) {
    for (const char* decoder :
         {"none", "v3plus", "unet", "fcn32s", "fcn16s", "fcn8s"}) {
      auto config = small_config();
      config.alignment = alignment;
      config.decoder = decoder;
      const model::DeepLab network(config, 3);
      EXPECT_LT(difference(network, torch::kFloat32), 1e-4)
          << alignment << ' ' << decoder;
    }
  }
}

TEST(Compile, EveryContextGivesTheSameScores) {
  for (const char* context : {"large_fov", "pyramid_pooling", "none"}) {
    auto config = small_config();
    config.decoder = "none";
    config.context = context;
    const model::DeepLab network(config, 3);
    EXPECT_LT(difference(network, torch::kFloat32), 1e-4) << context;
  }
}

TEST(Compile, SeveralScalesGiveTheSameScores) {
  auto config = small_config();
  config.decoder = "none";
  config.scales = {0.5, 0.75, 1};
  EXPECT_LT(difference(model::DeepLab(config, 3), torch::kFloat32), 1e-4);
}

TEST(Compile, LaterChangesOfTheNetworkHaveNoEffect) {
  const torch::NoGradGuard no_grad;
  model::DeepLab network(small_config(), 3);
  const auto images = torch::randn({1, 3, 33, 49});
  const auto compiled = compile(network, torch::kFloat32);
  const auto before = compiled(images);
  for (auto& parameter : network->parameters()) parameter.zero_();
  network->set_output_stride(OutputStride::k8);
  EXPECT_TRUE(torch::equal(compiled(images), before));
  EXPECT_GT(before.abs().max().item<float>(), 0);
}

TEST(Compile, EachCallGivesTheSameBits) {
  const auto compiled =
      compile(model::DeepLab(small_config(), 3), torch::kFloat32);
  const auto images = torch::randn({2, 3, 49, 33});
  const auto copy = images.clone();
  const auto first = compiled(images);
  compiled(torch::randn({1, 3, 65, 65}));
  EXPECT_TRUE(torch::equal(compiled(images), first));
  EXPECT_TRUE(torch::equal(images, copy));
}

TEST(Compile, GroupNormStaysAnOperatorOfItsOwn) {
  auto config = small_config();
  config.norm = "group";
  const model::DeepLab network(config, 3);
  EXPECT_LT(difference(network, torch::kFloat32), 1e-4);
  EXPECT_LT(difference(network, torch::kBFloat16), 0.05);
}

}  // namespace
}  // namespace deeplab::compile
