// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/cost.h"

#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include <ATen/record_function.h>
#include <torch/torch.h>

#include "deeplab/model/presets.h"
#include "support/support.h"

namespace deeplab::model {
namespace {

/// A row of a table of Chen et al. 2018, arXiv:1802.02611.
struct TableRow {
  const char* preset;
  int64_t output_stride;
  bool decoder;
  bool separable;
  bool multi_scale;
  bool flip;
  /// Multiply-adds in billions, as printed in the table.
  double multiply_adds;
};

constexpr auto kResNet = "deeplabv3plus-resnet101";
constexpr auto kXception = "deeplabv3plus-xception65";

void PrintTo(const TableRow& row, std::ostream* stream) {
  *stream << row.preset << " OS" << row.output_stride << " "
          << row.multiply_adds << "B";
}

DeepLabConfig config_of(const TableRow& row) {
  auto config = preset(row.preset).config;
  if (!row.decoder) config.decoder = "none";
  config.aspp.separable = row.separable;
  config.decoder_options.separable = row.separable;
  return config;
}

double billions(const DeepLabConfig& config, const TableRow& row) {
  DeepLab network(config, 21, StartWeights::kUnset);
  network->set_output_stride(static_cast<OutputStride>(row.output_stride));
  CostOptions options;
  options.rule = CountRule::kPaper;
  options.flip = row.flip;
  if (row.multi_scale) options.scales = {0.5, 0.75, 1, 1.25, 1.5, 1.75};
  return measure_cost(network, options).multiply_adds / 1e9;
}

class Tables3And5 : public ::testing::TestWithParam<TableRow> {};

TEST_P(Tables3And5, AreTheCountOfThePaperRule) {
  const double count = billions(config_of(GetParam()), GetParam());
  const double printed = GetParam().multiply_adds;
  EXPECT_LT(std::abs(count - printed), 0.005 * printed) << count;
}

INSTANTIATE_TEST_SUITE_P(
    Table3,
    Tables3And5,
    ::testing::Values(
        TableRow{kResNet, 16, false, false, false, false, 81.02},
        TableRow{kResNet, 8, false, false, false, false, 276.18},
        TableRow{kResNet, 8, false, false, true, false, 2435.37},
        TableRow{kResNet, 8, false, false, true, true, 4870.59},
        TableRow{kResNet, 16, true, false, true, false, 898.69},
        TableRow{kResNet, 16, true, false, true, true, 1797.23},
        TableRow{kResNet, 8, true, false, false, false, 297.92},
        TableRow{kResNet, 8, true, false, true, false, 2623.61},
        TableRow{kResNet, 8, true, false, true, true, 5247.07},
        TableRow{kResNet, 32, false, false, false, false, 52.43},
        TableRow{kResNet, 32, true, false, false, false, 74.20}
    )
);

INSTANTIATE_TEST_SUITE_P(
    Table5,
    Tables3And5,
    ::testing::Values(
        TableRow{kXception, 16, false, false, false, false, 68.00},
        TableRow{kXception, 16, false, false, true, false, 601.74},
        TableRow{kXception, 16, false, false, true, true, 1203.34},
        TableRow{kXception, 8, false, false, false, false, 240.85},
        TableRow{kXception, 8, false, false, true, false, 2149.91},
        TableRow{kXception, 8, false, false, true, true, 4299.68},
        TableRow{kXception, 16, true, false, false, false, 89.76},
        TableRow{kXception, 16, true, false, true, false, 790.12},
        TableRow{kXception, 16, true, false, true, true, 1580.10},
        TableRow{kXception, 8, true, false, false, false, 262.59},
        TableRow{kXception, 8, true, false, true, false, 2338.15},
        TableRow{kXception, 8, true, false, true, true, 4676.16},
        TableRow{kXception, 16, true, true, false, false, 54.17},
        TableRow{kXception, 16, true, true, true, true, 928.81},
        TableRow{kXception, 8, true, true, false, false, 177.10},
        TableRow{kXception, 8, true, true, true, true, 3055.35}
    )
);

/// Rows 5, 12 and 13 of table 3 print 101.28B for one scale at output stride 16
/// with the decoder. This is the count without multi-grid, whereas the rows
/// with several scales (898.69B) are counts with it.
TEST(Table3, OneRowIsCountedWithoutMultiGrid) {
  const TableRow row{kResNet, 16, true, false, false, false, 101.28};
  auto config = config_of(row);
  EXPECT_NEAR(billions(config, row), 102.65, 0.005 * 102.65);
  config.backbone_options.multi_grid = {1, 1, 1};
  EXPECT_NEAR(billions(config, row), 101.28, 0.005 * 101.28);
}

/// Counts the multiply-adds of all convolutions that run during its lifetime,
/// from the sizes of their inputs.
class RunningConvolutions {
 public:
  RunningConvolutions()
      : handle_(at::addThreadLocalCallback(
            at::RecordFunctionCallback(&RunningConvolutions::on_start)
                .needsInputs(true)
                .scopes({at::RecordScope::FUNCTION})
        )) {
    total = 0;
  }
  RunningConvolutions(const RunningConvolutions&) = delete;
  RunningConvolutions& operator=(const RunningConvolutions&) = delete;
  ~RunningConvolutions() { at::removeCallback(handle_); }

  static inline int64_t total = 0;

 private:
  static std::unique_ptr<at::ObserverContext> on_start(
      const at::RecordFunction& call
  ) {
    if (std::string(call.name()) != "aten::convolution") return nullptr;
    const auto inputs = call.inputs();
    const auto image = inputs[0].toTensor();
    const auto weight = inputs[1].toTensor();
    int64_t places = image.size(0);
    for (const size_t axis : {0U, 1U}) {
      const auto side = static_cast<int64_t>(axis) + 2;
      const int64_t reach =
          inputs[5].toIntVector()[axis] * (weight.size(side) - 1) + 1;
      const int64_t free =
          image.size(side) + 2 * inputs[4].toIntVector()[axis] - reach;
      places *= free / inputs[3].toIntVector()[axis] + 1;
    }
    const int64_t inputs_per_group = image.size(1) / inputs[8].toInt();
    total += places * weight.size(0) * inputs_per_group * weight.size(2) *
             weight.size(3);
    return nullptr;
  }

  at::CallbackHandle handle_;
};

class CountedPresets : public ::testing::TestWithParam<std::string> {};

TEST_P(CountedPresets, CountIsTheWorkOfAPassThatRuns) {
  torch::NoGradGuard no_grad;
  const auto chosen = preset(GetParam());
  DeepLab network(chosen.config, 7);
  network->set_output_stride(chosen.output_stride);
  network->eval();
  CostOptions options;
  options.height = 41;
  options.width = 70;
  const auto counted = measure_cost(network, options);
  const RunningConvolutions running;
  network(torch::randn({1, 3, 41, 70}));
  EXPECT_GT(running.total, 0);
  EXPECT_EQ(counted.multiply_adds, static_cast<double>(running.total));
}

INSTANTIATE_TEST_SUITE_P(
    All,
    CountedPresets,
    ::testing::ValuesIn(preset_names()),
    [](const auto& tested) {
      auto name = tested.param;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    }
);

const LayerCost& layer_named(const NetworkCost& cost, std::string_view name) {
  for (const auto& layer : cost.layers) {
    if (layer.name == name) return layer;
  }
  throw std::out_of_range(std::string(name));
}

/// The expected receptive fields are computed by hand: the 7x7 convolution sees
/// 7 pixels, the pooling of 3 at stride 2 adds 2 * 2, each 3x3 at stride 4 adds
/// 2 * 4.
TEST(Cost, ReceptiveFieldsAreThoseOfTheKernels) {
  DeepLabConfig config;
  config.backbone = "resnet18";
  config.decoder = "none";
  DeepLab network(config, 3, StartWeights::kUnset);
  network->train();
  const auto cost = measure_cost(network, {});
  EXPECT_TRUE(network->is_training());
  EXPECT_EQ(layer_named(cost, "backbone.conv1").receptive_field, 7);
  EXPECT_EQ(layer_named(cost, "backbone.layer1.0.conv1").receptive_field, 19);
  EXPECT_EQ(layer_named(cost, "backbone.layer1.1.conv2").receptive_field, 43);
  // The first 3x3 of layer2 reaches 51 (its input has stride 4), and each of
  // the next three adds 2 * 8.
  EXPECT_EQ(layer_named(cost, "backbone.layer2.1.conv2").receptive_field, 99);
  const auto& branch = layer_named(cost, "aspp.branches.2.conv");
  const auto& high = layer_named(cost, "backbone.layer4.1.conv2");
  EXPECT_EQ(branch.receptive_field, high.receptive_field + 2 * 12 * 16);
  EXPECT_TRUE(
      std::isinf(layer_named(cost, "aspp.image_branch.conv").receptive_field)
  );
  EXPECT_EQ(
      layer_named(cost, "backbone.conv1").parameters, 3 * 64 * 49 + 2 * 64
  );
}

TEST(Cost, LayersHoldAllParameters) {
  for (const auto* name : {"deeplabv3plus-mobilenetv2", "deeplabv2-vgg16"}) {
    DeepLab network(preset(name).config, 21, StartWeights::kUnset);
    const auto cost = measure_cost(network, {});
    int64_t sum = 0;
    for (const auto& layer : cost.layers) {
      if (layer.name.empty()) ADD_FAILURE() << "a layer without a name";
      sum += layer.parameters;
    }
    EXPECT_EQ(sum, cost.parameters) << name;
  }
}

TEST(Cost, OfGroupNormIsThatOfBatchNorm) {
  auto config = preset("deeplabv3plus-mobilenetv2").config;
  const auto cost_of = [&](CountRule rule) {
    DeepLab network(config, 21, StartWeights::kUnset);
    CostOptions options;
    options.rule = rule;
    return measure_cost(network, options);
  };
  for (const auto rule : {CountRule::kPlain, CountRule::kPaper}) {
    config.norm = "batch";
    const auto batch = cost_of(rule);
    config.norm = "group";
    const auto group = cost_of(rule);
    EXPECT_EQ(group.multiply_adds, batch.multiply_adds);
    ASSERT_EQ(group.layers.size(), batch.layers.size());
    for (size_t i = 0; i < group.layers.size(); ++i) {
      EXPECT_EQ(group.layers[i].parameters, batch.layers[i].parameters);
      EXPECT_EQ(
          group.layers[i].receptive_field, batch.layers[i].receptive_field
      );
    }
  }
}

/// Returns the convolutions of stride 1 in whose kernels no outer tap has a
/// gradient.
std::set<std::string> layers_without_rim_gradients(
    DeepLab network, int64_t crop
) {
  network->train();
  network->zero_grad();
  network(torch::randn({2, 3, crop, crop})).square().sum().backward();
  std::set<std::string> names;
  for (const auto& item : network->named_modules("", false)) {
    const auto* conv = item.value()->as<torch::nn::Conv2d>();
    if (conv == nullptr || conv->weight.size(2) == 1) continue;
    if (conv->options.stride()->at(0) > 1) continue;
    auto gradient = conv->weight.grad().abs().sum(at::IntArrayRef{0, 1});
    const int64_t inside = gradient.size(0) - 2;
    gradient.narrow(0, 1, inside).narrow(1, 1, inside).zero_();
    if (gradient.sum().item<double>() == 0) names.insert(item.key());
  }
  return names;
}

std::set<std::string> degenerate_names(DeepLab network, int64_t crop) {
  CostOptions options;
  options.height = crop;
  options.width = crop;
  std::set<std::string> names;
  for (const auto& layer : degenerate_layers(measure_cost(network, options))) {
    names.insert(layer.name);
  }
  return names;
}

TEST(DegenerateLayers, AreThoseWhoseOuterTapsHaveNoGradient) {
  DeepLabConfig aspp;
  aspp.backbone = "resnet18";
  aspp.aspp.channels = 16;
  aspp.aspp.rates = {2, 3, 4, 5, 6};
  auto fov = aspp;
  fov.context = "large_fov";
  fov.large_fov.channels = 16;
  fov.large_fov.rate_at = 16;
  for (const auto& [kernel, rate] :
       std::vector<std::pair<int64_t, int64_t>>{{3, 0}, {4, 3}, {7, 2}}) {
    auto config = rate == 0 ? aspp : fov;
    config.large_fov.kernel = kernel;
    config.large_fov.rate = std::max<int64_t>(rate, 1);
    DeepLab network(config, 3);
    for (const auto stride :
         {OutputStride::k8, OutputStride::k16, OutputStride::k32}) {
      network->set_output_stride(stride);
      for (const int64_t crop : {32, 49, 65, 80, 81, 97}) {
        EXPECT_EQ(
            degenerate_names(network, crop),
            layers_without_rim_gradients(network, crop)
        ) << "kernel "
          << kernel << ", crop " << crop << " at stride "
          << pixels_per_feature(stride);
      }
    }
  }
  DeepLab network(aspp, 3);
  EXPECT_THAT(
      degenerate_names(network, 65),
      ::testing::ElementsAre("aspp.branches.4.conv", "aspp.branches.5.conv")
  );
}

class At513 : public ::testing::TestWithParam<std::string> {};

/// Source: Chen et al. 2018, section 4: feature maps of 33 at output stride 16
///         and of 65 at 8.
TEST_P(At513, MapsHaveThePapersSizes) {
  DeepLabConfig config;
  config.backbone = GetParam();
  config.context = "none";
  config.decoder = "none";
  DeepLab network(config, 3, StartWeights::kUnset);
  const std::vector<std::pair<OutputStride, int64_t>> sides{
      {OutputStride::k4, 129},
      {OutputStride::k8, 65},
      {OutputStride::k16, 33},
      {OutputStride::k32, 17}};
  for (const auto& [stride, side] : sides) {
    network->set_output_stride(stride);
    const auto last = measure_cost(network, {}).layers.back();
    EXPECT_EQ(last.name, "classifier");
    EXPECT_EQ(last.height, side);
    EXPECT_EQ(last.width, side);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All,
    At513,
    ::testing::ValuesIn(backbone::backbone_names()),
    [](const auto& tested) { return tested.param; }
);

}  // namespace
}  // namespace deeplab::model
