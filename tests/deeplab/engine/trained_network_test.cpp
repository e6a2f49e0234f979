// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/trained_network.h"

#include <torch/torch.h>

#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/engine/checkpoint.h"
#include "deeplab/engine/option_training.h"
#include "support/support.h"

namespace deeplab::engine {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

class TrainedFile : public ::testing::Test {
 protected:
  TrainedFile() {
    network_->eval();
    config_["model"] = write_config(option_network_config("mobilenet_v2"));
    config_["data"] = {
        {"classes", {"a", "b", "c", "d"}},
        {"colors", {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12}}},
        {"mean", {0.1, 0.2, 0.3}},
        {"std", {0.5, 0.6, 0.7}}};
    config_["train"] = {{"output_stride", 16}};
    config_["evaluate"] = {{"output_stride", 8}};
  }

  void save() {
    Checkpoint checkpoint;
    checkpoint.config = config_.dump();
    checkpoint.network = weights::state_dict(*network_);
    checkpoint.averages = averages_;
    save_checkpoint(path_, checkpoint);
  }
  std::string refusal() {
    save();
    return message_of<DataError>([&] { open_checkpoint(path_); });
  }

  const testing::TemporaryFolder folder_;
  const std::string path_ = folder_ / "best.safetensors";
  model::DeepLab network_ =
      option_network(option_network_config("mobilenet_v2"));
  weights::StateDict averages_;
  Json config_;
};

TEST_F(TrainedFile, IsOpenedWithAllThatItsUseNeeds) {
  save();
  const auto trained = open_checkpoint(path_);
  EXPECT_EQ(
      trained.classes.names, (std::vector<std::string>{"a", "b", "c", "d"})
  );
  EXPECT_EQ(trained.classes.colors[2], (Color{7, 8, 9}));
  EXPECT_EQ(trained.normalization.mean, (std::vector<double>{0.1, 0.2, 0.3}));
  EXPECT_EQ(trained.normalization.std, (std::vector<double>{0.5, 0.6, 0.7}));
  EXPECT_EQ(trained.output_stride, OutputStride::k8);
  EXPECT_EQ(trained.config, config_.dump());
  network_->set_output_stride(OutputStride::k8);
  const auto images = torch::randn({1, 3, 33, 49});
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::equal(
      model::make_segmenter(trained.network)(images), network_(images)
  ));
}

TEST_F(TrainedFile, HasTheStrideOfTrainingIfItsRunNamesNoOther) {
  config_["evaluate"]["output_stride"] = nullptr;
  save();
  EXPECT_EQ(open_checkpoint(path_).output_stride, OutputStride::k16);
}

TEST_F(TrainedFile, GivesTheAverageOfTheWeightsIfThereIsOne) {
  for (const auto& item : weights::state_dict(*network_)) {
    averages_.insert(item.key(), torch::zeros_like(item.value()));
  }
  save();
  const auto trained = open_checkpoint(path_);
  for (const auto& weight : trained.network->parameters()) {
    EXPECT_EQ(weight.abs().max().item<float>(), 0);
  }
}

TEST_F(TrainedFile, IsNamedIfItIsDamaged) {
  config_["model"]["decoder_options"]["channels"] = 16;
  EXPECT_THAT(
      refusal(), HasSubstr("best.safetensors: does not fill the network")
  );
  config_["model"]["backbon"] = "resnet50";
  EXPECT_THAT(
      refusal(), HasSubstr("best.safetensors: damaged config: model.backbon is "
                           "not a known key (did you mean backbone?)")
  );
  config_.erase("data");
  EXPECT_THAT(refusal(), HasSubstr("best.safetensors: damaged config: "));
}

TEST_F(TrainedFile, OfAnOlderVersionIsDrawnAsThatDid) {
  config_["model"].erase("alignment");
  config_["model"]["align_corners"] = true;
  save();
  EXPECT_EQ(open_checkpoint(path_).network->config().alignment, "corners");
}

}  // namespace
}  // namespace deeplab::engine
