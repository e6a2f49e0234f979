// SPDX-License-Identifier: Apache-2.0
// Checks that outputs and gradients equal torchvision's with torchvision's
// weights. Skipped without Debian's python3-torchvision.
#include <fmt/core.h>
#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/presets.h"
#include "deeplab/weights/name_map.h"
#include "deeplab/weights/read_weights.h"
#include "deeplab/weights/safetensors.h"
#include "support/support.h"

namespace deeplab {
namespace {

using testing::kPython;

struct Size {
  int64_t height;
  int64_t width;
};

bool has_torchvision() { return testing::python_has("torchvision"); }

torch::Tensor read_floats(const std::string& path, torch::IntArrayRef shape) {
  const auto count = static_cast<size_t>(c10::multiply_integers(shape));
  return torch::tensor(testing::read_floats(path, count)).view(shape);
}

struct Network {
  const char* name;
  int64_t output_stride;
};

void PrintTo(const Network& network, std::ostream* stream) {
  *stream << network.name << " OS" << network.output_stride;
}

/// The files written by torchvision_reference.py, and functions that compare
/// our results with them.
class Reference {
 public:
  Reference(const Network& network, const std::vector<Size>& sizes)
      : sizes_(sizes) {
    std::string command = fmt::format(
        "{} tools/torchvision_reference.py {} {} {}", kPython, network.name,
        network.output_stride, folder_.path()
    );
    for (const auto& size : sizes) {
      command += fmt::format(" {}x{}", size.height, size.width);
    }
    const auto finished = testing::run_shell(command);
    if (finished.code != 0) throw std::runtime_error(finished.output);
  }

  weights::StateDict tensors(const char* file) const {
    return weights::read_weights(folder_ / file, "").tensors;
  }
  const std::vector<Size>& sizes() const { return sizes_; }
  torch::Tensor image(size_t i) const {
    return values(
        fmt::format("image_{}", i), {1, 3, sizes_[i].height, sizes_[i].width}
    );
  }
  torch::Tensor values(const std::string& name, torch::IntArrayRef shape)
      const {
    return read_floats(folder_ / (name + ".bin"), shape);
  }

 private:
  testing::TemporaryFolder folder_;
  std::vector<Size> sizes_;
};

void expect_close(
    const torch::Tensor& ours,
    const torch::Tensor& theirs,
    const std::string& what
) {
  ASSERT_EQ(ours.sizes(), theirs.sizes()) << what;
  const double scale = theirs.abs().max().item<double>();
  EXPECT_GT(scale, 0) << what;
  EXPECT_LT((ours - theirs).abs().max().item<double>(), 1e-4 * scale) << what;
}

/// Renames tensors to our names. `prefix` precedes the names of `network`
/// within a DeepLab.
weights::StateDict adopt(
    const weights::StateDict& theirs,
    const torch::nn::Module& network,
    const std::string& prefix
) {
  weights::StateDict own;
  for (const auto& item : weights::state_dict(network)) {
    own.insert(prefix + item.key(), item.value());
  }
  return weights::with_prefix(
      weights::adopt_names(theirs, own).tensors, prefix
  );
}

void fill(torch::nn::Module& network, const weights::StateDict& tensors) {
  const auto report = weights::load_state(network, tensors);
  EXPECT_TRUE(report.complete()) << report.summary();
  EXPECT_TRUE(report.unexpected.empty()) << report.summary();
  network.eval();
}

/// Compares the gradients of sum(result * probe), in float64 as in the script.
/// `forward` returns the result for the last image.
void expect_gradients(
    torch::nn::Module& network,
    const Reference& reference,
    const weights::StateDict& theirs,
    const std::function<torch::Tensor(const torch::Tensor&)>& forward
) {
  network.to(torch::kDouble);
  const auto image = reference.image(reference.sizes().size() - 1)
                         .to(torch::kDouble)
                         .requires_grad_();
  const auto result = forward(image);
  (result * reference.values("probe", result.sizes())).sum().backward();
  expect_close(
      image.grad(), reference.values("image_gradient", image.sizes()), "image"
  );
  size_t compared = 0;
  for (const auto& item : network.named_parameters()) {
    const auto* expected = theirs.find(item.key());
    ASSERT_EQ(item.value().grad().defined(), expected != nullptr) << item.key();
    if (expected == nullptr) continue;
    expect_close(item.value().grad(), *expected, item.key());
    ++compared;
  }
  EXPECT_EQ(compared, theirs.size());
}

class Segmentation : public ::testing::TestWithParam<Network> {};

TEST_P(Segmentation, GivesTheSameLogitsAndGradients) {
  if (!has_torchvision()) GTEST_SKIP() << "no python3-torchvision";
  const Reference reference(GetParam(), {{65, 65}, {97, 130}, {128, 33}});
  const std::string name = GetParam().name;
  const bool is_fcn = name.compare(0, 3, "fcn") == 0;
  auto config = model::preset(is_fcn ? "fcn-resnet50" : "torchvision").config;
  config.backbone = name.substr(name.find("resnet"));
  model::DeepLab network(config, 21);
  fill(*network, adopt(reference.tensors("weights.pth"), *network, ""));
  network->set_output_stride(to_output_stride(GetParam().output_stride, ""));
  for (size_t i = 0; i < reference.sizes().size(); ++i) {
    torch::NoGradGuard no_grad;
    const auto [height, width] = reference.sizes()[i];
    const auto scores = network->forward_with_sides(reference.image(i));
    const std::vector<int64_t> shape{1, 21, height, width};
    expect_close(
        scores.logits, reference.values(fmt::format("logits_{}", i), shape),
        "logits"
    );
    ASSERT_EQ(scores.sides.size(), 1);
    expect_close(
        scores.sides[0].logits,
        reference.values(fmt::format("aux_{}", i), shape), "auxiliary"
    );
  }
  expect_gradients(
      *network, reference,
      adopt(reference.tensors("gradients.pth"), *network, ""),
      [&](const auto& image) { return network->forward(image); }
  );
}

INSTANTIATE_TEST_SUITE_P(
    All,
    Segmentation,
    ::testing::Values(
        Network{"deeplabv3_resnet50", 8},
        Network{"deeplabv3_resnet101", 8},
        Network{"fcn_resnet50", 8},
        Network{"fcn_resnet101", 8}
    ),
    [](const auto& tested) { return std::string(tested.param.name); }
);

class Classifiers : public ::testing::TestWithParam<Network> {};

TEST_P(Classifiers, BackboneGivesTheSameFeaturesAndGradients) {
  if (!has_torchvision()) GTEST_SKIP() << "no python3-torchvision";
  const Reference reference(GetParam(), {{97, 43}, {75, 97}});
  const std::string name = GetParam().name;
  backbone::BackboneOptions options;
  // torchvision's pooling layers round sizes down.
  if (name.compare(0, 3, "vgg") == 0) options.ceil_mode = false;
  const auto backbone = backbone::make_backbone(name, options);
  fill(
      *backbone, adopt(reference.tensors("weights.pth"), *backbone, "backbone.")
  );
  backbone->set_output_stride(to_output_stride(GetParam().output_stride, ""));
  for (size_t i = 0; i < reference.sizes().size(); ++i) {
    torch::NoGradGuard no_grad;
    const auto features = backbone->forward(reference.image(i)).high;
    const auto theirs =
        reference.values(fmt::format("logits_{}", i), features.sizes());
    expect_close(features, theirs, "features");
  }
  expect_gradients(
      *backbone, reference,
      adopt(reference.tensors("gradients.pth"), *backbone, "backbone."),
      [&](const auto& image) { return backbone->forward(image).high; }
  );
}

INSTANTIATE_TEST_SUITE_P(
    All,
    Classifiers,
    ::testing::Values(
        Network{"vgg16", 32},
        Network{"vgg16_bn", 32},
        Network{"resnet18", 32},
        Network{"resnet50", 32},
        Network{"resnet50", 16},
        Network{"resnet50", 8},
        Network{"resnet101", 8},
        Network{"resnet152", 32},
        Network{"mobilenet_v2", 32}
    ),
    [](const auto& tested) {
      return fmt::format(
          "{}_at_{}", tested.param.name, tested.param.output_stride
      );
    }
);

/// Runs torchvision's network with our weights, renamed to torchvision's names.
TEST(Converted, FillsTorchvisionsNetworkWithTheSameResult) {
  if (!has_torchvision()) GTEST_SKIP() << "no python3-torchvision";
  torch::NoGradGuard no_grad;
  const testing::TemporaryFolder folder;
  auto config = model::preset("torchvision").config;
  config.backbone = "resnet50";
  model::DeepLab network(config, 21);
  network->set_output_stride(OutputStride::k8);
  network->eval();
  weights::TensorFile file;
  for (const auto& map : weights::name_maps()) {
    if (std::string(map.project) != "torchvision deeplabv3") continue;
    for (const auto& item : weights::state_dict(*network)) {
      file.tensors.insert(map.theirs(item.key()).value(), item.value());
    }
  }
  weights::write_safetensors(folder / "theirs.safetensors", file);
  const auto image = torch::randn({1, 3, 65, 65});
  testing::write_text(
      folder / "image.bin",
      {static_cast<const char*>(image.data_ptr()), image.nbytes()}
  );
  const auto finished = testing::run_shell(fmt::format(
      "{} tools/safetensors_reference.py {}{}{}", kPython,
      folder / "theirs.safetensors ", folder / "image.bin 65x65 ",
      folder / "logits.bin"
  ));
  ASSERT_EQ(finished.code, 0) << finished.output;
  const auto ours = network->forward(image);
  expect_close(
      ours, read_floats(folder / "logits.bin", ours.sizes()), "logits"
  );
}

}  // namespace
}  // namespace deeplab
