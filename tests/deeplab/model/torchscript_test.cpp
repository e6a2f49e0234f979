// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/torchscript.h"

#include <torch/script.h>
#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/model/exported_presets.h"
#include "support/support.h"

namespace deeplab::model {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

INSTANTIATE_TEST_SUITE_P(
    Quick,
    ExportedPresets,
    ::testing::ValuesIn(quick_presets()),
    [](const auto& tested) { return test_name(tested.param); }
);

class Exported : public ::testing::Test {
 protected:
  torch::jit::Module save(const ScriptOptions& options) {
    export_torchscript(network_, options, folder_ / "net.pt");
    network_->eval();
    return torch::jit::load(folder_ / "net.pt");
  }

  torch::NoGradGuard no_grad_;
  testing::TemporaryFolder folder_;
  DeepLab network_ = make_preset("deeplabv3plus-mobilenetv2");
  torch::Tensor images_ = torch::rand({2, 3, 40, 56});
};

TEST_F(Exported, ParametersKeepTheirNames) {
  const auto script = save({});
  for (const auto& parameter : script.named_parameters()) {
    const auto* ours = network_->named_parameters().find(parameter.name);
    ASSERT_NE(ours, nullptr) << parameter.name;
    EXPECT_TRUE(torch::equal(*ours, parameter.value));
  }
  EXPECT_EQ(script.named_parameters().size(), network_->parameters().size());
}

TEST_F(Exported, SoftmaxArgmaxAndNormalisationMayBeInside) {
  const auto logits = [&](const torch::Tensor& images) {
    network_->eval();
    return network_->forward(images);
  };
  ScriptOptions options;
  options.output = ScriptOutput::kProbabilities;
  auto script = save(options);
  EXPECT_LT(
      (script.forward({images_}).toTensor() - logits(images_).softmax(1))
          .abs()
          .max()
          .item<float>(),
      1e-6
  );
  options.output = ScriptOutput::kLabels;
  options.normalization = {{0.5, 0.4, 0.3}, {0.2, 0.25, 0.5}};
  script = save(options);
  const auto mean = torch::tensor({0.5, 0.4, 0.3}).view({1, 3, 1, 1});
  const auto deviation = torch::tensor({0.2, 0.25, 0.5}).view({1, 3, 1, 1});
  const auto labels = logits((images_ - mean) / deviation).argmax(1);
  EXPECT_GT(
      script.forward({images_})
          .toTensor()
          .eq(labels)
          .to(torch::kFloat32)
          .mean()
          .item<float>(),
      0.999
  );
}

TEST_F(Exported, FrozenOnesHaveNoBatchNormsAndTheSameResult) {
  ScriptOptions options;
  options.freeze = true;
  auto script = save(options);
  const auto text = script.get_method("forward").graph()->toString();
  EXPECT_EQ(text.find("batch_norm"), std::string::npos);
  const auto ours = network_->forward(images_);
  const double scale = ours.abs().max().item<double>();
  EXPECT_LT(
      (script.forward({images_}).toTensor() - ours).abs().max().item<double>(),
      1e-4 * scale
  );
}

TEST_F(Exported, MetadataComesBack) {
  ScriptOptions options;
  options.metadata = R"({"classes": ["sky", "road"]})";
  save(options);
  EXPECT_EQ(read_script_metadata(folder_ / "net.pt"), options.metadata);
  torch::jit::Module other("other");
  other.define("def forward(self, x):\n    return x\n");
  other.save(folder_ / "other.pt");
  EXPECT_EQ(read_script_metadata(folder_ / "other.pt"), "");
  testing::write_text(folder_ / "text.pt", "hello");
  EXPECT_THAT(
      message_of<DataError>([&] { read_script_metadata(folder_ / "text.pt"); }),
      HasSubstr("text.pt: not a TorchScript file")
  );
}

TEST_F(Exported, AFileWhereAFolderShouldBeIsNamed) {
  testing::write_text(folder_ / "file", "hello");
  EXPECT_THAT(
      message_of<DataError>([&] {
        export_torchscript(network_, {}, folder_ / "file/net.pt");
      }),
      HasSubstr("file/net.pt")
  );
}

}  // namespace
}  // namespace deeplab::model
