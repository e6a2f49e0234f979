// SPDX-License-Identifier: Apache-2.0
// Outputs equal to torchvision's on its own weights. Skipped without Debian's
// python3-torchvision.
#include <cstring>

#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/weights/read_weights.h"
#include "support/support.h"

namespace deeplab {
namespace {

const char* const kPython = "/usr/bin/python3";

struct Size {
  int64_t height;
  int64_t width;
};

bool has_torchvision() {
  return testing::run_shell(str(kPython, " -c 'import torchvision'")).code == 0;
}

torch::Tensor read_floats(const std::string& path, torch::IntArrayRef shape) {
  const auto bytes = testing::read_text(path);
  auto values = torch::empty(shape);
  EXPECT_EQ(bytes.size(), values.nbytes()) << path;
  if (bytes.size() == values.nbytes()) {
    std::memcpy(values.data_ptr(), bytes.data(), bytes.size());
  }
  return values;
}

void make_reference(
    const std::string& name,
    const std::string& folder,
    const std::vector<Size>& sizes
) {
  std::string command =
      str(kPython, " tools/torchvision_reference.py ", name, " ", folder);
  for (const auto& size : sizes) {
    command += str(" ", size.height, "x", size.width);
  }
  const auto finished = testing::run_shell(command);
  ASSERT_EQ(finished.code, 0) << finished.output;
}

void expect_close(const torch::Tensor& ours, const torch::Tensor& theirs) {
  const double scale = theirs.abs().max().item<double>();
  EXPECT_GT(scale, 0);
  EXPECT_LT((ours - theirs).abs().max().item<double>(), 1e-4 * scale);
}

TEST(Torchvision, DeepLabV3OnResNet50GivesTheSameLogits) {
  if (!has_torchvision()) GTEST_SKIP() << "no python3-torchvision";
  torch::NoGradGuard no_grad;
  const testing::TemporaryFolder folder;
  const std::vector<Size> sizes{{65, 65}, {97, 130}, {128, 33}};
  make_reference("deeplabv3_resnet50", folder.path(), sizes);

  model::DeepLabConfig config;
  config.backbone = "resnet50";
  config.decoder = "none";
  config.decoder_options.convs = 1;
  model::DeepLab network(config, 21);
  const auto report = weights::load_state(
      *network,
      weights::rename_torchvision(weights::read_weights(folder / "weights.pth"))
  );
  EXPECT_TRUE(report.complete()) << report.summary();
  EXPECT_TRUE(report.unexpected.empty()) << report.summary();
  network->set_output_stride(OutputStride::k8);
  network->eval();
  for (size_t i = 0; i < sizes.size(); ++i) {
    const auto [height, width] = sizes[i];
    const auto image =
        read_floats(folder / str("image_", i, ".bin"), {1, 3, height, width});
    const auto logits =
        read_floats(folder / str("logits_", i, ".bin"), {1, 21, height, width});
    expect_close(network(image), logits);
  }
}

class Classifiers : public ::testing::TestWithParam<const char*> {};

TEST_P(Classifiers, BackboneGivesTheSameFeatures) {
  if (!has_torchvision()) GTEST_SKIP() << "no python3-torchvision";
  torch::NoGradGuard no_grad;
  const testing::TemporaryFolder folder;
  make_reference(GetParam(), folder.path(), {{75, 97}});
  const auto backbone = backbone::make_backbone(GetParam(), {});
  const auto report = weights::load_state(
      *backbone,
      weights::with_prefix(
          weights::rename_torchvision(
              weights::read_weights(folder / "weights.pth")
          ),
          "backbone."
      )
  );
  EXPECT_TRUE(report.complete()) << report.summary();
  EXPECT_TRUE(report.unexpected.empty()) << report.summary();
  backbone->eval();
  const auto image = read_floats(folder / "image_0.bin", {1, 3, 75, 97});
  const auto features = backbone->forward(image).high;
  expect_close(
      features, read_floats(folder / "logits_0.bin", features.sizes())
  );
}

INSTANTIATE_TEST_SUITE_P(
    All,
    Classifiers,
    ::testing::Values(
        "resnet18", "resnet34", "resnet50", "resnet101", "mobilenet_v2"
    )
);

}  // namespace
}  // namespace deeplab
