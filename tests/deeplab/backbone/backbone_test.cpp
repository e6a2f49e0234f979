// SPDX-License-Identifier: Apache-2.0
#include "deeplab/backbone/backbone.h"

#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::backbone {
namespace {

using nn::Level;
using ::testing::HasSubstr;
using testing::message_of;

// On machines that need nn::limit_onednn_to_avx(), the last 32 of 512
// channels were wrong: oneDNN works in blocks of 48 channels, and 480 channels
// are ten full blocks.
TEST(Convolutions, OfOneByOneAreRightOnEveryMachine) {
  make_backbone("resnet18", {});
  for (const int64_t stride : {1, 2}) {
    torch::manual_seed(0);
    const auto features = torch::randn({2, 256, 9, 17})
                              .contiguous(torch::MemoryFormat::ChannelsLast);
    const auto weight = torch::randn({512, 256, 1, 1})
                            .contiguous(torch::MemoryFormat::ChannelsLast);
    const auto found = torch::conv2d(features, weight, {}, stride);
    const auto exact = torch::conv2d(
        features.to(torch::kFloat64), weight.to(torch::kFloat64), {}, stride
    );
    EXPECT_LT((found - exact).abs().max().item<double>(), 1e-3) << stride;
  }
}

/// The number of parameters of torchvision's or timm's network, without its
/// classifier (and without MobileNetV2's features.18), and the channels of each
/// level.
struct Known {
  const char* name;
  int64_t parameters;
  std::array<int64_t, 4> levels;
  int64_t high;
};

void PrintTo(const Known& known, std::ostream* stream) {
  *stream << known.name;
}

int64_t count_parameters(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

torch::Tensor every(const torch::Tensor& map, int64_t step) {
  using torch::indexing::None;
  using torch::indexing::Slice;
  const Slice steps(0, None, step);
  return map.index({Slice(), Slice(), steps, steps});
}

/// Makes a backbone whose batch norms have realistic statistics, from one
/// training pass, so that the magnitude of the features stays the same through
/// many layers.
std::shared_ptr<BackboneImpl> make_calibrated(
    const std::string& name, const BackboneOptions& options
) {
  torch::manual_seed(1);
  const auto network = make_backbone(name, options);
  network->train();
  network->forward(torch::randn({2, 3, 65, 65}));
  network->eval();
  return network;
}

void expect_consistent(BackboneImpl& network, OutputStride dense) {
  torch::NoGradGuard no_grad;
  const auto images = torch::randn({1, 3, 129, 129});
  network.set_output_stride(dense);
  const auto fine = network.forward(images);
  for (const int64_t pixels : {8, 16, 32, 64, 128, 256}) {
    if (pixels <= pixels_per_feature(dense)) continue;
    if (pixels > pixels_per_feature(network.max_output_stride())) break;
    network.set_output_stride(static_cast<OutputStride>(pixels));
    const auto coarse = network.forward(images).high;
    const auto step = pixels / pixels_per_feature(dense);
    const auto subsampled = every(fine.high, step);
    ASSERT_EQ(subsampled.sizes(), coarse.sizes());
    const double scale = coarse.abs().max().item<double>();
    ASSERT_GT(scale, 0);
    EXPECT_LT((subsampled - coarse).abs().max().item<double>(), 1e-4 * scale)
        << "stride " << pixels;
  }
}

class Backbones : public ::testing::TestWithParam<Known> {};

TEST_P(Backbones, HasTheParametersOfTheOriginal) {
  EXPECT_EQ(
      count_parameters(*make_backbone(GetParam().name, {})),
      GetParam().parameters
  );
}

TEST_P(Backbones, GivesMapsOfTheStrideAndSaysTheirChannels) {
  torch::NoGradGuard no_grad;
  const auto network = make_backbone(GetParam().name, {});
  network->eval();
  const auto channels = network->channels();
  EXPECT_EQ(channels.high, GetParam().high);
  const std::vector<std::pair<OutputStride, int64_t>> sides{
      {OutputStride::k32, 3},
      {OutputStride::k16, 5},
      {OutputStride::k8, 9},
      {OutputStride::k4, 17}};
  for (const auto& [stride, side] : sides) {
    network->set_output_stride(stride);
    const auto features = network->forward(torch::randn({1, 3, 65, 65}));
    EXPECT_EQ(
        features.high.sizes(),
        (std::vector<int64_t>{1, GetParam().high, side, side})
    );
    int64_t native = 2;
    for (const auto level : nn::kLevels) {
      const int64_t pixels = std::min(native, pixels_per_feature(stride));
      const int64_t expected = (65 + pixels - 1) / pixels;
      const int64_t width = GetParam().levels[static_cast<size_t>(level)];
      EXPECT_EQ(channels.at[level], width);
      EXPECT_EQ(
          features.at[level].sizes(),
          (std::vector<int64_t>{1, width, expected, expected})
      ) << native;
      native *= 2;
    }
  }
}

/// Source: deeplab2's atrous_consistency_test. It checks all dilations at once:
/// subsampled dense features must equal the features of the strided network.
TEST_P(Backbones, DenseFeaturesSubsampledAreTheStridedOnes) {
  expect_consistent(*make_calibrated(GetParam().name, {}), OutputStride::k4);
}

TEST_P(Backbones, TakesImagesOfOnePixel) {
  torch::NoGradGuard no_grad;
  const auto network = make_backbone(GetParam().name, {});
  network->eval();
  const auto features = network->forward(torch::randn({1, 3, 1, 1}));
  EXPECT_EQ(features.high.size(2), 1);
  EXPECT_EQ(features.at[Level::k4].size(3), 1);
}

INSTANTIATE_TEST_SUITE_P(
    All,
    Backbones,
    ::testing::Values(
        Known{"vgg16", 14714688, {64, 128, 256, 512}, 512},
        Known{"vgg16_bn", 14723136, {64, 128, 256, 512}, 512},
        Known{"resnet18", 11176512, {64, 64, 128, 256}, 512},
        Known{"resnet34", 21284672, {64, 64, 128, 256}, 512},
        Known{"resnet50", 23508032, {64, 256, 512, 1024}, 2048},
        Known{"resnet101", 42500160, {64, 256, 512, 1024}, 2048},
        Known{"resnet152", 58143808, {64, 256, 512, 1024}, 2048},
        Known{"xception", 20806952, {128, 256, 728, 1024}, 2048},
        Known{"xception41", 24920560, {128, 256, 728, 1024}, 2048},
        Known{"xception65", 37867312, {128, 256, 728, 1024}, 2048},
        Known{"xception71", 40289736, {128, 256, 728, 1024}, 2048},
        Known{"mobilenet_v2", 1811712, {16, 24, 32, 96}, 320}
    ),
    [](const auto& tested) { return std::string(tested.param.name); }
);

TEST(Backbone, TheTableIsTested) {
  const std::vector<std::string> tested{
      "vgg16",      "vgg16_bn",   "resnet18",   "resnet34",
      "resnet50",   "resnet101",  "resnet152",  "xception",
      "xception41", "xception65", "xception71", "mobilenet_v2"};
  EXPECT_EQ(backbone_names(), tested);
}

struct Form {
  const char* about;
  const char* name;
  void (*choose)(BackboneOptions& options);
};

void PrintTo(const Form& form, std::ostream* stream) { *stream << form.about; }

/// The variants of backbones for which subsampled dense features must equal the
/// strided ones.
class ConsistentForms : public ::testing::TestWithParam<Form> {};

TEST_P(ConsistentForms, DenseFeaturesSubsampledAreTheStridedOnes) {
  BackboneOptions options;
  GetParam().choose(options);
  expect_consistent(
      *make_calibrated(GetParam().name, options), OutputStride::k8
  );
}

INSTANTIATE_TEST_SUITE_P(
    All,
    ConsistentForms,
    ::testing::Values(
        Form{
            "StrideInTheLastUnit", "resnet50",
            [](auto& o) {
              o.stem = "beta";
              o.stride_in = "last_3x3";
              o.multi_grid = {1, 2, 4};
            }},
        Form{
            "StrideInThe1x1", "resnet50",
            [](auto& o) { o.stride_in = "first_1x1"; }},
        Form{
            "BasicUnitsStrideInTheLast", "resnet18",
            [](auto& o) { o.stride_in = "last_3x3"; }},
        Form{
            "CascadedBlocks", "resnet18",
            [](auto& o) {
              o.cascade = 3;
              o.multi_grid = {1, 2};
            }},
        Form{
            "CascadedBlocksStrideInTheLastUnit", "resnet50",
            [](auto& o) {
              o.cascade = 3;
              o.stride_in = "last_3x3";
            }},
        Form{"Pools3", "vgg16", [](auto& o) { o.pool_kernel = 3; }},
        Form{
            "PaperText", "xception41",
            [](auto& o) { o.after_depthwise = "bn_relu"; }},
        Form{
            "MaxPools", "xception41",
            [](auto& o) { o.downsampling = "max_pool"; }},
        Form{
            "ExitGrid", "xception41",
            [](auto& o) {
              o.multi_grid = {1, 2, 4};
              o.entry_flow = "xception71";
            }},
        Form{"Wide", "mobilenet_v2", [](auto& o) { o.width = 1.4; }}
    ),
    [](const auto& tested) { return std::string(tested.param.about); }
);

/// Returns the dilations of the 3x3 convolutions of `layer4`, unit by unit.
std::vector<int64_t> last_stage_dilations(
    const BackboneOptions& options, OutputStride stride
) {
  const auto network = make_backbone("resnet50", options);
  network->set_output_stride(stride);
  std::vector<int64_t> dilations;
  for (const auto& item : network->named_modules()) {
    if (item.key().find("layer4") == std::string::npos) continue;
    if (item.key().find("conv2") == std::string::npos) continue;
    const auto* conv = item.value()->as<torch::nn::Conv2dImpl>();
    dilations.push_back(conv->options.dilation()->at(0));
  }
  return dilations;
}

using Dilations = std::vector<int64_t>;

/// Source: the geometry of each project's network at these strides.
TEST(ResNet, HasTheDilationsOfTorchvision) {
  EXPECT_EQ(last_stage_dilations({}, OutputStride::k16), (Dilations{1, 2, 2}));
  EXPECT_EQ(last_stage_dilations({}, OutputStride::k8), (Dilations{2, 4, 4}));
}

TEST(ResNet, HasTheDilationsOfJfzhang95) {
  BackboneOptions options;
  options.dilate_first = true;
  options.multi_grid = {1, 2, 4};
  EXPECT_EQ(
      last_stage_dilations(options, OutputStride::k16), (Dilations{2, 4, 8})
  );
  EXPECT_EQ(
      last_stage_dilations(options, OutputStride::k8), (Dilations{4, 8, 16})
  );
}

TEST(ResNet, HasTheDilationsOfKazuto1011) {
  BackboneOptions options;
  options.stride_in = "first_1x1";
  EXPECT_EQ(
      last_stage_dilations(options, OutputStride::k8), (Dilations{4, 4, 4})
  );
}

/// Source: Chen et al. 2017, section 3.2.1: rates 2 * (1, 2, 4).
TEST(ResNet, HasTheMultiGridOfDeepLabV3) {
  BackboneOptions options;
  options.stride_in = "last_3x3";
  options.multi_grid = {1, 2, 4};
  EXPECT_EQ(
      last_stage_dilations(options, OutputStride::k16), (Dilations{2, 4, 8})
  );
}

/// Source: Chen et al. 2017, table 1: output strides up to 256.
TEST(ResNet, CascadedBlocksReachStride256) {
  torch::NoGradGuard no_grad;
  BackboneOptions options;
  options.cascade = 3;
  const auto network = make_backbone("resnet18", options);
  network->eval();
  EXPECT_EQ(network->max_output_stride(), OutputStride::k256);
  const auto image = torch::randn({1, 3, 257, 257});
  EXPECT_EQ(network->forward(image).high.size(2), 2);
  network->set_output_stride(OutputStride::k64);
  EXPECT_EQ(network->forward(image).high.size(2), 5);
}

TEST(ResNet, LowLevelBeforeTheSumIsNotRectified) {
  torch::NoGradGuard no_grad;
  BackboneOptions options;
  options.low_level = "before_relu";
  const auto image = torch::randn({1, 3, 33, 33});
  const auto before = make_calibrated("resnet18", options)->forward(image);
  const auto after = make_calibrated("resnet18", {})->forward(image);
  EXPECT_LT(before.at[Level::k4].min().item<float>(), 0);
  EXPECT_GE(after.at[Level::k4].min().item<float>(), 0);
  EXPECT_TRUE(torch::equal(before.high, after.high));
}

/// Checks each of the three changes of Chen et al. 2018, section 3.2,
/// separately.
TEST(Xception, TheThreeChangesAreSeparateOptions) {
  const auto count = [](void (*choose)(BackboneOptions&)) {
    BackboneOptions options;
    choose(options);
    return count_parameters(*make_backbone("xception", options));
  };
  const int64_t original = count([](auto&) {});
  // The difference is 8 blocks of three separable convolutions with 728
  // channels and one norm each.
  EXPECT_EQ(
      count([](auto& o) { o.middle_blocks = 16; }) - original,
      8 * 3 * (728 * 9 + 728 * 728 + 2 * 728)
  );
  // Each of the four max poolings is replaced by a third separable convolution.
  int64_t thirds = 0;
  for (const int64_t width : {128, 256, 728, 1024}) {
    thirds += width * 9 + width * width + 2 * width;
  }
  EXPECT_EQ(
      count([](auto& o) { o.downsampling = "separable"; }) - original, thirds
  );
  // There is a norm after each depthwise convolution, with as many channels as
  // its input.
  const int64_t inputs = (64 + 128) + (128 + 256) + (256 + 728) + 8 * 3 * 728 +
                         (728 + 728) + (1024 + 1536);
  EXPECT_EQ(
      count([](auto& o) { o.after_depthwise = "bn_relu"; }) - original,
      2 * inputs
  );
}

TEST(Backbone, RefusesWhatItDoesNotKnow) {
  const auto refusal = [](const char* name, void (*choose)(BackboneOptions&)) {
    BackboneOptions options;
    choose(options);
    return message_of<ConfigError>([&] { prepare_backbone(name, options); });
  };
  EXPECT_EQ(
      refusal("resnet19", [](auto&) {}),
      "model.backbone is \"resnet19\"; known: vgg16, vgg16_bn, resnet18, "
      "resnet34, resnet50, resnet101, resnet152, xception, xception41, "
      "xception65, xception71, mobilenet_v2 (did you mean resnet18?)"
  );
  EXPECT_EQ(
      refusal("mobilenet_v2", [](auto& o) { o.stem = "beta"; }),
      "model.backbone_options.stem is set, but is not an option of mobilenet_v2; known: width "
      "batch_norm_eps"
  );
  EXPECT_EQ(
      refusal("resnet50", [](auto& o) { o.stem = "gamma"; }),
      "model.backbone_options.stem is \"gamma\"; known: conv7, beta, deep"
  );
  EXPECT_THAT(
      refusal(
          "resnet18",
          [](auto& o) {
            o.multi_grid = {1, 2, 4};
          }
      ),
      HasSubstr("multi_grid must hold 2 factors >= 1")
  );
  EXPECT_THAT(
      refusal("resnet18", [](auto& o) { o.stride_in = "first_1x1"; }),
      HasSubstr("units of this ResNet have no 1x1")
  );
  EXPECT_THAT(
      refusal("resnet18", [](auto& o) { o.cascade = 4; }),
      HasSubstr("cascade is 4; must be 0 to 3")
  );
  EXPECT_THAT(
      refusal("vgg16", [](auto& o) { o.pool_kernel = 4; }),
      HasSubstr("pool_kernel is 4; known: 2, 3")
  );
  EXPECT_THAT(
      refusal("xception65", [](auto& o) { o.middle_blocks = 0; }),
      HasSubstr("middle_blocks is 0; must be 1 to 1000")
  );
  EXPECT_THAT(
      refusal("mobilenet_v2", [](auto& o) { o.width = 0; }),
      HasSubstr("width is 0; must be above 0")
  );
  EXPECT_THAT(
      refusal("vgg16_bn", [](auto& o) { o.batch_norm_eps = 0; }),
      HasSubstr("batch_norm_eps is 0; must be > 0")
  );
  EXPECT_THAT(
      message_of<ConfigError>([] {
        make_backbone("resnet18", {})->set_output_stride(OutputStride::k64);
      }),
      HasSubstr("output stride is 64; must be at most 32 for this backbone")
  );
}

}  // namespace
}  // namespace deeplab::backbone
