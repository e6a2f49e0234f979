// SPDX-License-Identifier: Apache-2.0
// Where features look, and that scores are drawn there: properties that hold
// for any weights, so that no training is needed.
#include <cmath>

#include <torch/script.h>
#include <torch/torch.h>

#include "deeplab/model/deeplab.h"
#include "deeplab/model/presets.h"
#include "deeplab/model/torchscript.h"
#include "support/support.h"

namespace deeplab::model {
namespace {

using Size = std::pair<int64_t, int64_t>;

/// A backbone and options under which it is also tested.
struct Case {
  const char* name;
  const char* backbone;
  backbone::BackboneOptions options;
};

backbone::BackboneOptions with(void (*change)(backbone::BackboneOptions&)) {
  backbone::BackboneOptions options;
  change(options);
  return options;
}

std::vector<Case> cases() {
  return {
      {"resnet18", "resnet18", {}},
      {"resnet50_as_released", "resnet50", with([](auto& options) {
         options.stem = "beta";
         options.stride_in = "last_3x3";
         options.multi_grid = {1, 2, 4};
       })},
      {"resnet50_of_caffe", "resnet50", with([](auto& options) {
         options.stem = "deep";
         options.stride_in = "first_1x1";
         options.ceil_mode = true;
       })},
      {"vgg16", "vgg16", {}},
      {"vgg16_with_pools_of_3", "vgg16", with([](auto& options) {
         options.pool_kernel = 3;
         options.ceil_mode = false;
       })},
      {"mobilenet_v2", "mobilenet_v2", {}},
      {"xception41", "xception41", {}},
      {"xception_with_pools", "xception", {}},
  };
}

/// A network without decoder and image pooling, in evaluation mode. Batch norms
/// get statistics of a batch, so that scores are neither tiny nor huge.
DeepLab plain_network(const Case& chosen, const std::string& alignment) {
  torch::manual_seed(3);
  DeepLabConfig config;
  config.backbone = chosen.backbone;
  config.backbone_options = chosen.options;
  config.aspp.channels = 8;
  config.aspp.rates = {1, 2};
  config.aspp.image_pooling = false;
  config.decoder = "none";
  config.alignment = alignment;
  DeepLab network(config, 3);
  torch::NoGradGuard no_grad;
  network->train();
  network(torch::randn({2, 3, 65, 65}));
  network->eval();
  return network;
}

/// Makes every kernel its own mirror image, in both axes.
void make_symmetric(torch::nn::Module& network) {
  torch::NoGradGuard no_grad;
  for (auto& parameter : network.parameters()) {
    if (parameter.dim() != 4) continue;
    parameter.copy_((parameter + parameter.flip({2, 3})) / 2);
  }
}

/// Largest difference relative to the largest value.
double difference(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

class AnyBackbone : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(
    Alignment,
    AnyBackbone,
    ::testing::ValuesIn(cases()),
    [](const auto& item) { return std::string(item.param.name); }
);

/// Returns where feature maps look, from high to low levels.
std::vector<nn::FeatureGrid> listed(const nn::FeatureGrids& grids) {
  std::vector<nn::FeatureGrid> result{grids.high};
  for (const auto level : nn::kLevels) result.push_back(grids.at[level]);
  return result;
}

std::vector<torch::Tensor> listed(const nn::Features& features) {
  std::vector<torch::Tensor> result{features.high};
  for (const auto level : nn::kLevels) result.push_back(features.at[level]);
  return result;
}

/// With symmetric kernels, a mirrored image has mirrored features if the places
/// at which features look are mirrored onto one another. That is so only for
/// sides of 2 * first + 1 + n * step, which a wrong `first` misses.
TEST_P(AnyBackbone, FeaturesOfAMirroredImageAreMirroredWhereTheGridSaysSo) {
  torch::NoGradGuard no_grad;
  auto network = plain_network(GetParam(), "centres");
  make_symmetric(*network);
  network->set_output_stride(OutputStride::k32);
  auto& backbone = network->backbone();
  const auto grids = listed(backbone.grids());
  EXPECT_EQ(grids[0].step, 32);
  const double side = 2 * grids[0].first + 1 + 3 * 32;
  const auto pixels = static_cast<int64_t>(side);
  const auto images = torch::randn({1, 3, pixels, pixels});
  const auto features = listed(backbone.forward(images));
  const auto mirrored = listed(backbone.forward(images.flip({2, 3})));
  for (size_t i = 0; i < grids.size(); ++i) {
    const auto steps = static_cast<double>(features[i].size(3) - 1);
    const double last = grids[i].first + grids[i].step * steps;
    EXPECT_EQ(grids[i].first, side - 1 - last) << i;
    EXPECT_LT(difference(mirrored[i].flip({2, 3}), features[i]), 1e-4) << i;
  }
}

/// Dense features, subsampled, are those of the strided network (see
/// backbone_test), so that the first feature looks at the same pixel.
TEST_P(AnyBackbone, TheFirstFeatureLooksAtTheSamePixelAtEveryStride) {
  auto network = plain_network(GetParam(), "centres");
  network->set_output_stride(OutputStride::k32);
  const auto strided = listed(network->backbone().grids());
  for (const auto stride :
       {OutputStride::k16, OutputStride::k8, OutputStride::k4}) {
    network->set_output_stride(stride);
    const auto dense = listed(network->backbone().grids());
    const auto most = static_cast<double>(pixels_per_feature(stride));
    for (size_t i = 0; i < dense.size(); ++i) {
      EXPECT_EQ(dense[i].first, strided[i].first) << i;
      EXPECT_EQ(dense[i].step, std::min(strided[i].step, most)) << i;
    }
  }
}

const std::vector<Size> kSizes{{192, 144}, {193, 145}, {205, 131}};

/// Reads scores along an axis where the features of stride 16 look. Between two
/// pixels, it goes on with the slope of those before, on which interpolated
/// scores bend only at features.
torch::Tensor at_coarse_features(
    const torch::Tensor& scores, int64_t axis, double first
) {
  constexpr auto end = std::numeric_limits<int64_t>::max();
  const auto pixel = static_cast<int64_t>(first);
  const auto here = scores.slice(axis, pixel, end, 16);
  if (first == static_cast<double>(pixel)) return here;
  const auto before = scores.slice(axis, pixel - 1, scores.size(axis) - 1, 16);
  return here + (first - static_cast<double>(pixel)) * (here - before);
}

/// Returns how much scores at strides 8 and 16 differ where the features of
/// stride 16 look.
double difference_between_strides(DeepLab network, const Size& size) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(4);
  const auto images = torch::randn({1, 3, size.first, size.second});
  const double first = network->backbone().grids().high.first;
  const auto scores = [&](OutputStride stride) {
    network->set_output_stride(stride);
    return at_coarse_features(
        at_coarse_features(network(images), 2, first), 3, first
    );
  };
  const auto at_8 = scores(OutputStride::k8);
  return difference(at_8, scores(OutputStride::k16));
}

TEST_P(AnyBackbone, ScoresAtStride8AreThoseAt16WhereTheCoarseFeaturesLook) {
  const auto network = plain_network(GetParam(), "centres");
  for (const auto& size : kSizes) {
    EXPECT_LT(difference_between_strides(network, size), 1e-5)
        << size.first << "x" << size.second;
  }
}

TEST(Alignment, EdgesAndCornersDisplaceTheScoresOfOneStrideAgainstTheOther) {
  const auto resnet = cases()[0];
  const auto edges = plain_network(resnet, "edges");
  const auto corners = plain_network(resnet, "corners");
  for (const auto& size : kSizes) {
    EXPECT_GT(difference_between_strides(edges, size), 0.05);
  }
  EXPECT_GT(difference_between_strides(corners, {192, 144}), 0.05);
  EXPECT_LT(difference_between_strides(corners, {193, 145}), 1e-5);
}

DeepLabConfig small_network(const std::string& decoder) {
  DeepLabConfig config;
  config.backbone = "resnet18";
  config.aspp.channels = 8;
  config.decoder = decoder;
  config.decoder_options.channels = 8;
  config.decoder_options.low_level_channels = 4;
  return config;
}

/// With symmetric kernels and sides of n * stride + 1, everything that is
/// resized must be mirrored with the image: the decoders' maps, the scales and
/// the result.
TEST(Alignment, ScoresOfAMirroredImageAreMirroredWithEveryDecoder) {
  torch::NoGradGuard no_grad;
  auto configs = std::vector<DeepLabConfig>{};
  for (const char* decoder :
       {"none", "v3plus", "unet", "fcn32s", "fcn16s", "fcn8s"}) {
    configs.push_back(small_network(decoder));
  }
  configs.push_back(small_network("v3plus"));
  configs.back().decoder_options.levels = 2;
  configs.push_back(small_network("none"));
  configs.back().context = "pyramid_pooling";
  configs.push_back(small_network("none"));
  configs.back().scales = {0.5, 0.75, 1};
  configs.back().auxiliary_weight = 0.4;
  for (const auto& config : configs) {
    torch::manual_seed(6);
    DeepLab network(config, 3);
    make_symmetric(*network);
    network->eval();
    // Both 128 * 0.5 and 128 * 0.75 are multiples of the stride.
    const auto images = torch::randn({1, 3, 129, 129});
    const auto scores = network->forward_with_sides(images);
    const auto mirrored = network->forward_with_sides(images.flip({2, 3}));
    EXPECT_LT(difference(mirrored.logits.flip({2, 3}), scores.logits), 1e-4)
        << config.decoder << " " << config.context;
    for (size_t i = 0; i < scores.sides.size(); ++i) {
      EXPECT_LT(
          difference(
              mirrored.sides[i].logits.flip({2, 3}), scores.sides[i].logits
          ),
          1e-4
      ) << "side "
        << i;
    }
  }
}

TEST(Alignment, AKernelOfEvenSizeMayLookBetweenTwoFeatures) {
  auto config = small_network("none");
  config.context = "large_fov";
  config.large_fov.kernel = 4;
  config.large_fov.rate = 2;
  config.large_fov.rate_at = 16;
  const DeepLab network(config, 3);
  // Its taps are at -3, -1, 1 and 3.
  EXPECT_EQ(network->score_grid(), (nn::FeatureGrid{0, 16}));
  config.large_fov.rate = 3;
  const DeepLab odd(config, 3);
  // Its taps are at -4, -1, 2 and 5, around half a feature.
  EXPECT_EQ(odd->score_grid(), (nn::FeatureGrid{8, 16}));
}

class Exports : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(
    Alignment, Exports, ::testing::Values("centres", "edges", "corners")
);

TEST_P(Exports, DrawTheSameAtSizesOtherThanTheTraced) {
  torch::NoGradGuard no_grad;
  auto configs = std::vector<DeepLabConfig>{
      small_network("v3plus"), small_network("none")};
  configs.back().scales = {0.5, 0.75, 1};
  if (GetParam() == std::string("centres")) {
    configs.push_back(small_network("unet"));
    configs.push_back(small_network("fcn8s"));
    configs.back().backbone = "vgg16";
  }
  for (auto& config : configs) {
    config.alignment = GetParam();
    torch::manual_seed(7);
    DeepLab network(config, 3);
    const testing::TemporaryFolder folder;
    export_torchscript(network, {}, folder / "net.pt");
    const auto script = load_torchscript(folder / "net.pt", {});
    network->eval();
    for (const auto& [height, width] :
         std::vector<Size>{{64, 64}, {65, 97}, {50, 83}, {33, 31}}) {
      const auto images = torch::randn({1, 3, height, width});
      EXPECT_LT(difference(script(images), network(images)), 1e-5)
          << config.decoder << " at " << height << "x" << width;
    }
  }
}

}  // namespace
}  // namespace deeplab::model
