// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/deeplab.h"

#include <torch/script.h>
#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/model/torchscript.h"
#include "deeplab/nn/aspp.h"
#include "deeplab/weights/state_dict.h"
#include "support/support.h"

namespace deeplab::model {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

DeepLabConfig small(const std::string& decoder) {
  DeepLabConfig config;
  config.decoder = decoder;
  config.aspp.channels = 16;
  config.aspp.separable = true;
  config.decoder_options.channels = 16;
  config.decoder_options.low_level_channels = 8;
  return config;
}

class AnyDecoder : public ::testing::TestWithParam<const char*> {};

TEST_P(AnyDecoder, TakesAnySizeAtAnyStride) {
  torch::NoGradGuard no_grad;
  DeepLab network(small(GetParam()), 5);
  network->eval();
  for (const auto stride :
       {OutputStride::k8, OutputStride::k16, OutputStride::k32}) {
    network->set_output_stride(stride);
    for (const auto& [height, width] : std::vector<std::pair<int, int>>{
             {1, 1}, {2, 3}, {33, 65}, {50, 31}, {64, 64}}) {
      EXPECT_EQ(
          network(torch::randn({1, 3, height, width})).sizes(),
          (std::vector<int64_t>{1, 5, height, width})
      );
    }
  }
}

TEST_P(AnyDecoder, GradientsReachEveryParameter) {
  DeepLab network(small(GetParam()), 5);
  network(torch::randn({2, 3, 65, 65})).pow(2).sum().backward();
  for (const auto& item : network->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().sum().item<float>(), 0) << item.key();
  }
}

TEST_P(AnyDecoder, AStrideChangeLeavesTheWeightsAlone) {
  torch::NoGradGuard no_grad;
  DeepLab network(small(GetParam()), 5);
  network->eval();
  const auto images = torch::randn({1, 3, 65, 65});
  const auto at_16 = network(images);
  network->set_output_stride(OutputStride::k8);
  const auto at_8 = network(images);
  EXPECT_FALSE(torch::equal(at_16, at_8));
  network->set_output_stride(OutputStride::k16);
  EXPECT_TRUE(torch::equal(network(images), at_16));
}

TEST_P(AnyDecoder, CloneIsDeepAndKeepsTheStride) {
  torch::NoGradGuard no_grad;
  DeepLab network(small(GetParam()), 5);
  network->set_output_stride(OutputStride::k8);
  network->eval();
  const auto copy = std::dynamic_pointer_cast<DeepLabImpl>(network->clone());
  const auto images = torch::randn({1, 3, 33, 33});
  EXPECT_TRUE(torch::equal(copy->forward(images), network(images)));
  copy->parameters()[0].add_(1);
  EXPECT_FALSE(torch::equal(copy->parameters()[0], network->parameters()[0]));
}

TEST_P(AnyDecoder, EvaluationIgnoresTheRestOfTheBatch) {
  torch::NoGradGuard no_grad;
  DeepLab network(small(GetParam()), 5);
  network->eval();
  const auto images = torch::randn({3, 3, 40, 40});
  const auto together = network(images);
  const auto alone = network(images.narrow(0, 1, 1));
  EXPECT_LT((together[1] - alone[0]).abs().max().item<float>(), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(
    Decoders, AnyDecoder, ::testing::Values("none", "v3plus")
);

TEST(DeepLab, RatesFollowTheStride) {
  DeepLab network(small("none"), 5);
  const auto rates = [&] {
    const auto aspp = network->named_children()["aspp"];
    return aspp->as<nn::AsppImpl>()->rates();
  };
  EXPECT_EQ(rates(), (std::vector<int64_t>{6, 12, 18}));
  network->set_output_stride(OutputStride::k8);
  EXPECT_EQ(rates(), (std::vector<int64_t>{12, 24, 36}));
  network->set_output_stride(OutputStride::k32);
  EXPECT_EQ(rates(), (std::vector<int64_t>{3, 6, 9}));
}

/// The expected totals are those of networks built by PyTorch projects (2.7 M
/// for MobileNetV2 with separable ASPP and decoder, as in
/// tools/pytorch_step.py).
TEST(DeepLab, HasAsManyParametersAsTheSameNetworkInPyTorch) {
  DeepLabConfig config;
  config.aspp.separable = true;
  config.decoder_options.separable = true;
  int64_t count = 0;
  for (const auto& parameter : DeepLab(config, 11)->parameters()) {
    count += parameter.numel();
  }
  EXPECT_EQ(count, 2717243);
}

TEST(DeepLab, NamesTheKeyThatBreaksARule) {
  const auto refusal = [](const std::function<void(DeepLabConfig&)>& change) {
    DeepLabConfig config;
    change(config);
    return message_of<ConfigError>([&] { DeepLab(config, 5); });
  };
  EXPECT_THAT(
      refusal([](auto& config) { config.decoder = "v3"; }),
      HasSubstr("model.decoder is \"v3\"; known: none, v3plus, unet")
  );
  EXPECT_THAT(
      refusal([](auto& config) {
        config.aspp.rates = {6, 0};
      }),
      HasSubstr("model.aspp.rates[1] is 0")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.aspp.dropout = 1; }),
      HasSubstr("model.aspp.dropout is 1")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.decoder_options.channels = 0; }),
      HasSubstr("model.decoder_options.channels is 0")
  );
  EXPECT_THAT(
      message_of<ConfigError>([] { DeepLab(DeepLabConfig(), 1); }),
      HasSubstr("number of classes is 1")
  );
}

TEST(DeepLab, NamesTheShapeThatItExpects) {
  DeepLab network(small("none"), 5);
  EXPECT_THAT(
      message_of<c10::Error>([&] {
        network(torch::ones({1, 4, 8, 8}));
      }),
      HasSubstr("expected [N, 3, H, W]")
  );
}

TEST(Segmenter, EvaluatesAndRestoresTheMode) {
  DeepLab network(small("v3plus"), 5);
  const auto images = torch::randn({1, 3, 33, 33});
  const auto segmenter = make_segmenter(network);
  const auto logits = segmenter(images);
  EXPECT_TRUE(network->is_training());
  EXPECT_FALSE(logits.requires_grad());
  EXPECT_TRUE(torch::equal(logits, segmenter(images)));
}

/// Writes a TorchScript file whose forward() has this body.
void write_script(const std::string& path, const std::string& body) {
  torch::jit::Module script("script");
  script.define("def forward(self, x):\n    " + body + "\n");
  script.save(path);
}

TEST(TorchScript, TakesATensorATupleAListAndADictWithOut) {
  const testing::TemporaryFolder folder;
  const auto images = torch::randn({1, 3, 6, 8});
  for (const char* body :
       {"return x * 2", "return (x * 2, x)", "return [x * 2, x]",
        "return {'aux': x, 'out': x * 2}"}) {
    write_script(folder / "model.pt", body);
    const auto segmenter = load_torchscript(folder / "model.pt", {});
    EXPECT_TRUE(torch::equal(segmenter(images), images * 2)) << body;
  }
}

TEST(TorchScript, UpsamplesSmallerScores) {
  const testing::TemporaryFolder folder;
  write_script(folder / "model.pt", "return x[:, :, ::2, ::2]");
  const auto segmenter = load_torchscript(folder / "model.pt", {});
  EXPECT_EQ(
      segmenter(torch::ones({1, 3, 6, 8})).sizes(),
      (std::vector<int64_t>{1, 3, 6, 8})
  );
}

TEST(TorchScript, NamesTheFileAndWhatIsWrong) {
  const testing::TemporaryFolder folder;
  const auto images = torch::ones({1, 3, 6, 8});
  const auto path = folder / "model.pt";
  const auto refusal = [&] {
    return message_of<DataError>([&] { load_torchscript(path, {})(images); });
  };
  EXPECT_THAT(refusal(), HasSubstr("model.pt: no such file"));
  testing::write_text(path, "not a script");
  EXPECT_THAT(refusal(), HasSubstr("model.pt: not a TorchScript file"));
  write_script(path, "return {'logits': x}");
  EXPECT_THAT(refusal(), HasSubstr("a dict with \"out\""));
  write_script(path, "return x.mean()");
  EXPECT_THAT(refusal(), HasSubstr("expected [N, classes, H, W]"));
  write_script(path, "return x.view([1, 3, 5, 5])");
  EXPECT_THAT(refusal(), HasSubstr("fails on an image of 6x8"));
}

TEST(TorchScript, OneThatWasTracedAtOneSizeSaysWhich) {
  const testing::TemporaryFolder folder;
  const auto path = folder / "model.pt";
  write_script(
      path,
      "return torch.upsample_bilinear2d(x[:, :, ::2, ::2], [16, 24], False) + x"
  );
  const auto images = torch::ones({1, 3, 12, 8});
  EXPECT_THAT(
      message_of<DataError>([&] { load_torchscript(path, {})(images); }),
      HasSubstr("model.pt: was traced at 16x24 and fails on an image of 12x8; "
                "give --resize 16x24")
  );
  const auto at_home = torch::ones({1, 3, 16, 24});
  EXPECT_EQ(load_torchscript(path, {})(at_home).sizes(), at_home.sizes());
  ScriptUse use;
  use.resize = {16, 24};
  EXPECT_TRUE(torch::allclose(load_torchscript(path, use)(images), images * 2));
}

/// Returns a script that calls the operator deeplab_test::nothing.
torch::jit::Module script_with_own_operator() {
  torch::jit::Module script("script");
  auto graph = std::make_shared<torch::jit::Graph>();
  graph->addInput("self")->setType(script.type());
  auto* images = graph->addInput("images");
  const auto symbol = c10::Symbol::fromQualString("deeplab_test::nothing");
  graph->registerOutput(graph->insert(symbol, {images}));
  script.type()->addMethod(
      script._ivalue()->compilation_unit()->create_function(
          c10::QualifiedName(*script.type()->name(), "forward"), graph
      )
  );
  return script;
}

TEST(TorchScript, OneThatNeedsAnOperatorWeLackSaysWhich) {
  const testing::TemporaryFolder folder;
  {
    const auto here = c10::RegisterOperators().op(
        "deeplab_test::nothing(Tensor images) -> Tensor",
        [](const torch::Tensor& images) { return images; }
    );
    script_with_own_operator().save(folder / "model.pt");
  }
  EXPECT_THAT(
      message_of<DataError>([&] { load_torchscript(folder / "model.pt", {}); }),
      HasSubstr("model.pt: needs the operator deeplab_test::nothing, which "
                "LibTorch ")
  );
}

}  // namespace
}  // namespace deeplab::model
