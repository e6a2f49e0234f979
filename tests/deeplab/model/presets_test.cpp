// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/presets.h"

#include <map>

#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/preset_sizes.h"
#include "support/support.h"

namespace deeplab::model {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

int64_t count_parameters(const DeepLabConfig& config) {
  int64_t count = 0;
  const DeepLab network(config, 21, StartWeights::kUnset);
  for (const auto& parameter : network->parameters()) {
    count += parameter.numel();
  }
  return count;
}

/// The expected totals are those of the projects' own networks with 21 classes.
TEST(Presets, HaveTheParametersOfTheOriginals) {
  const auto count = [](const char* name) {
    return count_parameters(preset(name).config);
  };
  EXPECT_EQ(count("torchvision"), 60996202);
  EXPECT_EQ(count("fcn-resnet50"), 35322218);
  EXPECT_EQ(count("fcn-resnet101"), 54314346);
  EXPECT_EQ(count("vainf"), 58753973);
  EXPECT_EQ(count("jfzhang95"), 59344309);
  EXPECT_EQ(count("kazuto1011"), 44048532);
  // TensorFlow's network has 41.06 M parameters, of which 37,867,312 are the
  // backbone's (see backbone_test.cpp).
  EXPECT_EQ(count("tf"), 41055413);
}

/// Source: Chen et al. 2014, arXiv:1412.7062, table 2.
TEST(Presets, LargeFovHasTheParametersOfV1sTable) {
  auto config = preset("deeplabv1-vgg16-largefov").config;
  const auto millions = [&] {
    return static_cast<double>(count_parameters(config)) / 1e6;
  };
  EXPECT_NEAR(millions(), 20.5, 0.05);
  config.large_fov.channels = 4096;
  config.large_fov.kernel = 4;
  config.large_fov.rate = 4;
  EXPECT_NEAR(millions(), 65.1, 0.05);
  config.large_fov.kernel = 7;
  EXPECT_NEAR(millions(), 134.3, 0.05);
}

TEST(Presets, AnUnknownNameListsTheKnownOnes) {
  EXPECT_THAT(
      message_of<ConfigError>([] { preset("deeplabv4"); }),
      HasSubstr("preset \"deeplabv4\" is not known; known: deeplabv1-vgg16")
  );
}

class AnyPreset : public ::testing::TestWithParam<std::string> {};

TEST_P(AnyPreset, GradientsReachEveryParameter) {
  expect_gradients_everywhere(make_preset(GetParam()));
}

TEST_P(AnyPreset, TakesAnySizeAndBatch) {
  expect_scores_at(make_preset(GetParam()), 1, 1);
  expect_scores_at(make_preset(GetParam()), 33, 65);
}

INSTANTIATE_TEST_SUITE_P(
    Quick,
    AnyPreset,
    ::testing::ValuesIn(quick_presets()),
    [](const auto& tested) { return test_name(tested.param); }
);

TEST(Presets, APhotoOf513IsTaken) {
  expect_scores_at(make_preset("deeplabv3plus-mobilenetv2"), 513, 513);
}

TEST(Presets, OneImageInTrainingIsRefusedClearly) {
  for (const auto* name : {"deeplabv3plus-mobilenetv2", "pspnet-resnet50"}) {
    DeepLab network(preset(name).config, 5);
    EXPECT_THAT(
        message_of<c10::Error>([&] {
          network(torch::randn({1, 3, 65, 65}));
        }),
        HasSubstr("needs a batch of 2 or more, got 1")
    ) << name;
  }
}

TEST(Presets, OfOtherProjectsDrawScoresAsThoseDo) {
  const std::map<std::string, std::string> others{
      {"fcn-resnet50", "edges"}, {"fcn-resnet101", "edges"},
      {"torchvision", "edges"},  {"vainf", "edges"},
      {"kazuto1011", "edges"},   {"mmseg", "edges"},
      {"mmseg-v3", "edges"},     {"timm", "edges"},
      {"jfzhang95", "corners"},  {"smp", "corners"},
      {"smp-v3", "corners"},     {"tf", "corners"},
  };
  for (const auto& name : preset_names()) {
    const auto found = others.find(name);
    EXPECT_EQ(
        preset(name).config.alignment,
        found == others.end() ? "centres" : found->second
    ) << name;
  }
}

}  // namespace
}  // namespace deeplab::model
