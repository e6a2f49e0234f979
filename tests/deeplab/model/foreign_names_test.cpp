// SPDX-License-Identifier: Apache-2.0
// Tests files of other projects, represented by lists of their tensors' names
// and shapes.
#include <algorithm>
#include <fstream>
#include <sstream>

#include <fmt/core.h>
#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/presets.h"
#include "deeplab/weights/decimate_vgg.h"
#include "deeplab/weights/name_map.h"
#include "support/support.h"

namespace deeplab::model {
namespace {

struct File {
  /// File name of the list of names and shapes, without the extension.
  const char* list;
  const char* preset;
  /// Changes the preset to match the project's network.
  void (*change)(DeepLabConfig& config);
  const char* project;
};

void PrintTo(const File& file, std::ostream* stream) { *stream << file.list; }

void as_is(DeepLabConfig& /*config*/) {}

/// Converts "(64, 3, 7, 7)" to {64, 3, 7, 7}.
std::vector<int64_t> parse_shape(std::string text) {
  for (char& letter : text) {
    if (letter == '(' || letter == ')' || letter == ',') letter = ' ';
  }
  std::istringstream stream(text);
  std::vector<int64_t> shape;
  int64_t side = 0;
  while (stream >> side) shape.push_back(side);
  return shape;
}

/// Returns tensors with these names and shapes that use no memory.
weights::StateDict read_list(const std::string& path) {
  weights::StateDict tensors;
  std::ifstream stream(path);
  std::string line;
  while (std::getline(stream, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream columns(line);
    std::string name;
    std::string shape;
    std::getline(columns, name, '\t');
    std::getline(columns, shape, '\t');
    tensors.insert(name, torch::ones({}).expand(parse_shape(shape)));
  }
  return tensors;
}

/// Returns the number of classes of the file. kazuto1011's initial weights were
/// trained on COCO, so they have other classes.
int64_t classes_of(const weights::StateDict& file) {
  const auto* bias = file.find("fc.bias");
  return bias != nullptr && file["fc.weight"].dim() == 4 ? bias->size(0) : 21;
}

class ForeignNames : public ::testing::TestWithParam<File> {};

TEST_P(ForeignNames, FillTheNetworkWithNothingMissingOrLeft) {
  auto config = preset(GetParam().preset).config;
  GetParam().change(config);
  const auto file =
      read_list(fmt::format("tests/golden/names/{}.txt", GetParam().list));
  DeepLab network(config, classes_of(file), StartWeights::kUnset);
  const auto own = weights::state_dict(*network);
  const auto adopted = weights::adopt_names(file, own);
  EXPECT_EQ(adopted.project, GetParam().project);
  const auto report = weights::load_state(*network, adopted.tensors);
  EXPECT_TRUE(report.mismatched.empty()) << report.summary();
  EXPECT_TRUE(report.unexpected.empty()) << report.summary();
  const bool whole =
      std::string(GetParam().list).find("deeplab") != std::string::npos ||
      std::string(GetParam().list).find("fcn") != std::string::npos ||
      std::string(GetParam().list).find("mmseg") != std::string::npos;
  for (const auto& name : report.missing) {
    // A classification network fills only the backbone.
    EXPECT_TRUE(!whole && name.compare(0, 9, "backbone.") != 0) << name;
  }
  EXPECT_FALSE(report.loaded.empty());
}

void separable(DeepLabConfig& config) {
  config.aspp.separable = true;
  config.aspp.after_depthwise = "none";
  config.decoder_options.separable = true;
  config.decoder_options.after_depthwise = "none";
}
void deep_stem(DeepLabConfig& config) { config.backbone_options.stem = "deep"; }

constexpr auto kClassification = "torchvision classification";

template <int kDepth>
void resnet(DeepLabConfig& config) {
  config.backbone = fmt::format("resnet{}", kDepth);
}
void vgg16_bn(DeepLabConfig& config) { config.backbone = "vgg16_bn"; }
void xception(DeepLabConfig& config) { config.backbone = "xception"; }
void mobilenet(DeepLabConfig& config) {
  config.backbone = "mobilenet_v2";
  config.backbone_options = {};
}
void v3(DeepLabConfig& config) {
  config.decoder = "none";
  config.decoder_options.convs = 1;
}
void v3_50(DeepLabConfig& config) {
  v3(config);
  resnet<50>(config);
}
void v3_mobilenet(DeepLabConfig& config) {
  v3(config);
  mobilenet(config);
}
/// Turns the preset, which is kazuto1011's DeepLabV2, into kazuto1011's
/// DeepLabV3. The two functions below do the same for V1 and V3+.
void kazuto_v3(DeepLabConfig& config) {
  config.aspp = {};
  config.scales.clear();
  config.decoder_options.convs = 0;
}
void kazuto_v1(DeepLabConfig& config) {
  config.context = "none";
  config.aspp = {};
  config.scales.clear();
}
void kazuto_v3plus(DeepLabConfig& config) {
  config.aspp = {};
  config.scales.clear();
  config.decoder = "v3plus";
}

INSTANTIATE_TEST_SUITE_P(
    All,
    ForeignNames,
    ::testing::Values(
        File{
            "torchvision_deeplabv3_resnet50", "torchvision", resnet<50>,
            "torchvision deeplabv3"},
        File{
            "torchvision_deeplabv3_resnet101", "torchvision", as_is,
            "torchvision deeplabv3"},
        File{
            "torchvision_fcn_resnet50", "fcn-resnet50", as_is,
            "torchvision fcn"},
        File{
            "torchvision_fcn_resnet101", "fcn-resnet101", as_is,
            "torchvision fcn"},
        File{
            "torchvision_resnet18", "torchvision", resnet<18>, kClassification},
        File{
            "torchvision_resnet34", "torchvision", resnet<34>, kClassification},
        File{
            "torchvision_resnet50", "torchvision", resnet<50>, kClassification},
        File{
            "torchvision_resnet101", "torchvision", resnet<101>,
            kClassification},
        File{
            "torchvision_resnet152", "torchvision", resnet<152>,
            kClassification},
        File{
            "torchvision_vgg16", "deeplabv1-vgg16-largefov", as_is,
            kClassification},
        File{
            "torchvision_vgg16_bn", "deeplabv1-vgg16-largefov", vgg16_bn,
            kClassification},
        File{
            "torchvision_mobilenet_v2", "deeplabv3plus-mobilenetv2", as_is,
            kClassification},
        File{
            "vainf_deeplabv3plus_resnet50", "vainf", resnet<50>,
            "vainf deeplabv3plus"},
        File{
            "vainf_deeplabv3plus_resnet101", "vainf", as_is,
            "vainf deeplabv3plus"},
        File{
            "vainf_deeplabv3plus_mobilenet", "vainf", mobilenet,
            "vainf deeplabv3plus"},
        File{"vainf_deeplabv3_resnet50", "vainf", v3_50, "vainf deeplabv3"},
        File{"vainf_deeplabv3_resnet101", "vainf", v3, "vainf deeplabv3"},
        File{
            "vainf_deeplabv3_mobilenet", "vainf", v3_mobilenet,
            "vainf deeplabv3"},
        File{"jfzhang95_deeplab_resnet", "jfzhang95", as_is, "jfzhang95"},
        File{
            "jfzhang95_deeplab_mobilenet", "jfzhang95", mobilenet, "jfzhang95"},
        File{
            "kazuto_deeplabv2_resnet101_msc", "kazuto1011", as_is,
            "kazuto1011 deeplabv2"},
        File{
            "kazuto_deeplabv3_resnet101_msc", "kazuto1011", kazuto_v3,
            "kazuto1011 deeplabv3"},
        File{
            "kazuto_deeplabv3plus_resnet101_msc", "kazuto1011", kazuto_v3plus,
            "kazuto1011 deeplabv3plus"},
        File{
            "vainf_deeplabv3plus_resnet101_separable", "vainf", separable,
            "vainf deeplabv3plus separable"},
        File{
            "kazuto_deeplabv1_resnet101", "kazuto1011", kazuto_v1,
            "kazuto1011 deeplabv1"},
        File{"smp_deeplabv3_resnet50", "smp-v3", resnet<50>, "smp deeplabv3"},
        File{"smp_deeplabv3_resnet101", "smp-v3", as_is, "smp deeplabv3"},
        File{
            "smp_deeplabv3plus_resnet50", "smp", resnet<50>,
            "smp deeplabv3plus"},
        File{"smp_deeplabv3plus_resnet101", "smp", as_is, "smp deeplabv3plus"},
        File{
            "mmseg_deeplabv3_r50-d8", "mmseg-v3", resnet<50>,
            "mmseg deeplabv3"},
        File{"mmseg_deeplabv3_r101-d8", "mmseg-v3", as_is, "mmseg deeplabv3"},
        File{
            "mmseg_deeplabv3plus_r50-d8", "mmseg", resnet<50>,
            "mmseg deeplabv3plus"},
        File{
            "mmseg_deeplabv3plus_r101-d8", "mmseg", as_is,
            "mmseg deeplabv3plus"},
        File{
            "tf_deeplabv3plus_xception65_derived", "tf", as_is,
            "tensorflow xception_65"},
        File{"timm_resnet101c", "torchvision", deep_stem, "timm resnet-c"},
        File{"timm_resnet50", "torchvision", resnet<50>, kClassification},
        File{"timm_resnet101", "torchvision", as_is, kClassification},
        File{"timm_vgg16", "deeplabv1-vgg16-largefov", as_is, kClassification},
        File{
            "timm_xception41", "deeplabv3plus-xception41", as_is,
            kClassification},
        File{"timm_xception65", "timm", as_is, kClassification},
        File{
            "timm_xception71", "deeplabv3plus-xception71", as_is,
            kClassification},
        File{
            "timm_mobilenetv2_100", "deeplabv3plus-mobilenetv2", as_is,
            "timm mobilenetv2"},
        File{
            "timm_legacy_xception", "deeplabv3plus-xception65", xception,
            "legacy xception"}
    ),
    [](const auto& tested) {
      auto name = std::string(tested.param.list);
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    }
);

struct Convention {
  const char* preset;
  const char* project;
};

void PrintTo(const Convention& convention, std::ostream* stream) {
  *stream << convention.project;
}

/// Renames our tensors to another project's names, and back.
class RoundTrip : public ::testing::TestWithParam<Convention> {};

TEST_P(RoundTrip, EndsWithTheSameTensors) {
  DeepLab network(preset(GetParam().preset).config, 21, StartWeights::kUnset);
  const auto own = weights::state_dict(*network);
  weights::StateDict theirs;
  size_t nameless = 0;
  for (const auto& map : weights::name_maps()) {
    if (std::string(map.project) != GetParam().project) continue;
    for (const auto& item : own) {
      const auto name = map.theirs(item.key());
      if (!name && map.layout == weights::NameMap::Layout::kTensorFlow) {
        ++nameless;
        continue;
      }
      ASSERT_TRUE(name.has_value()) << item.key();
      ASSERT_FALSE(theirs.contains(*name)) << *name << " stands twice";
      theirs.insert(*name, map.to_theirs(*name, item.value()));
    }
  }
  const auto back = weights::adopt_names(theirs, own);
  EXPECT_EQ(back.project, GetParam().project);
  ASSERT_EQ(back.tensors.size() + nameless, own.size());
  for (const auto& item : back.tensors) {
    EXPECT_EQ(item.value().data_ptr(), own[item.key()].data_ptr());
    EXPECT_EQ(item.value().sizes(), own[item.key()].sizes()) << item.key();
    EXPECT_EQ(item.value().strides(), own[item.key()].strides()) << item.key();
  }
}

std::vector<Convention> conventions() {
  std::vector<Convention> all{
      {"torchvision", "torchvision deeplabv3"},
      {"fcn-resnet50", "torchvision fcn"},
      {"vainf", "vainf deeplabv3plus"},
      {"jfzhang95", "jfzhang95"},
      {"smp", "smp deeplabv3plus"},
      {"smp-v3", "smp deeplabv3"},
      {"mmseg", "mmseg deeplabv3plus"},
      {"mmseg-v3", "mmseg deeplabv3"},
      {"tf", "tensorflow xception_65"},
      {"deeplabv3plus-xception41", "tensorflow xception_41"},
      {"deeplabv3plus-xception71", "tensorflow xception_71"},
      {"kazuto1011", "kazuto1011 deeplabv2"}};
  static const auto names = preset_names();
  for (const auto& name : names) all.push_back({name.c_str(), "deeplab"});
  return all;
}

INSTANTIATE_TEST_SUITE_P(
    All,
    RoundTrip,
    ::testing::ValuesIn(conventions()),
    [](const auto& tested) {
      auto name =
          fmt::format("{}_as_{}", tested.param.preset, tested.param.project);
      std::replace(name.begin(), name.end(), '-', '_');
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    }
);

/// Training frameworks put a module, and with it a prefix, around the network.
TEST(AdoptNames, FindsAPrefixOfOneToThreeWords) {
  const DeepLab network(preset("smp").config, 21, StartWeights::kUnset);
  const auto own = weights::state_dict(*network);
  const auto plain =
      read_list("tests/golden/names/smp_deeplabv3plus_resnet101.txt");
  const auto expected = weights::adopt_names(plain, own);
  EXPECT_EQ(expected.prefix, "");
  for (const std::string prefix : {"model.", "module.", "net.base.model."}) {
    weights::StateDict wrapped;
    wrapped.insert("std", torch::ones({3}));
    for (const auto& item : plain) {
      wrapped.insert(prefix + item.key(), item.value());
    }
    wrapped.insert("criterion.weight", torch::ones({21}));
    const auto adopted = weights::adopt_names(wrapped, own);
    EXPECT_EQ(adopted.prefix, prefix);
    EXPECT_EQ(adopted.project, expected.project);
    for (const auto& item : own) {
      EXPECT_EQ(
          adopted.tensors.contains(item.key()),
          expected.tensors.contains(item.key())
      ) << item.key();
    }
    EXPECT_TRUE(adopted.tensors.contains("criterion.weight"));
  }
}

/// The softmax of the logits 0 and x is the sigmoid of x.
TEST(AdoptNames, GivesAClassifierOfOneChannelItsBackground) {
  DeepLab network(preset("smp").config, 2, StartWeights::kUnset);
  const auto own = weights::state_dict(*network);
  weights::StateDict file;
  const auto weight = torch::randn({1, 256, 1, 1});
  file.insert("segmentation_head.0.weight", weight);
  file.insert("segmentation_head.0.bias", torch::full({1}, 3.0));
  const auto adopted = weights::adopt_names(file, own).tensors;
  EXPECT_TRUE(torch::equal(
      adopted["classifier.weight"],
      torch::cat({torch::zeros_like(weight), weight})
  ));
  EXPECT_TRUE(
      torch::equal(adopted["classifier.bias"], torch::tensor({0.0F, 3.0F}))
  );
}

/// Source: Chen et al. 2014, section 3.1: taps and channels are dropped.
TEST(DecimateVgg, TakesTapsAndChannelsEvenly) {
  weights::StateDict file;
  file.insert(
      "classifier.0.weight", torch::arange(5.0 * 2 * 49).reshape({5, 98})
  );
  file.insert("classifier.0.bias", torch::arange(5.0));
  file.insert("classifier.3.weight", torch::arange(25.0).reshape({5, 5}));
  file.insert("classifier.3.bias", torch::arange(5.0));
  weights::StateDict own;
  own.insert("large_fov.fc6.weight", torch::empty({3, 2, 3, 3}));
  own.insert("large_fov.fc6.bias", torch::empty({3}));
  own.insert("large_fov.fc7.weight", torch::empty({3, 3, 1, 1}));
  own.insert("large_fov.fc7.bias", torch::empty({3}));
  weights::StateDict into;
  weights::decimate_vgg(file, own, into);
  ASSERT_EQ(into.size(), 4U);
  const auto fc6 = into["large_fov.fc6.weight"];
  EXPECT_EQ(fc6.sizes(), (std::vector<int64_t>{3, 2, 3, 3}));
  // Channels 0, 2, 4 and taps 0, 3, 6 in each direction remain.
  EXPECT_EQ(fc6[1][1][2][1].item<float>(), 2 * 98 + 49 + 6 * 7 + 3);
  EXPECT_EQ(into["large_fov.fc6.bias"][2].item<float>(), 4);
  EXPECT_EQ(into["large_fov.fc7.weight"][1][2][0][0].item<float>(), 2 * 5 + 4);
}

}  // namespace
}  // namespace deeplab::model
