// SPDX-License-Identifier: Apache-2.0
// Tests of compiled presets, for both the short and the long test program.
#pragma once

#include <string>

#include <torch/torch.h>

#include "deeplab/compile/compiled_network.h"
#include "deeplab/core/error.h"
#include "deeplab/model/preset_sizes.h"

namespace deeplab::compile {

/// Gives batch norms statistics and weights as after a training, so that an
/// error in folding them would show.
inline void draw_norms(torch::nn::Module& network) {
  torch::manual_seed(5);
  for (const auto& item : network.named_buffers()) {
    const auto& name = item.key();
    if (name.find("running_var") != std::string::npos) {
      item.value().uniform_(0.8, 1.2);
    } else if (name.find("running_mean") != std::string::npos) {
      item.value().normal_(0, 0.1);
    }
  }
  for (const auto& item : network.named_parameters()) {
    const auto& name = item.key();
    if (name.find("bn") == std::string::npos) continue;
    item.value().detach().add_(torch::randn_like(item.value()), /*alpha=*/0.05);
  }
}

class CompiledPresets : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { draw_norms(*network_); }

  /// Largest difference from `theirs`, relative to the largest logit.
  static double difference(
      const torch::Tensor& ours, const torch::Tensor& theirs
  ) {
    const double largest = theirs.abs().max().item<double>();
    return (ours - theirs).abs().max().item<double>() / largest;
  }

  torch::NoGradGuard no_grad_;
  model::DeepLab network_ = model::make_preset(GetParam());
};

TEST_P(CompiledPresets, GiveTheNetworksScoresAtEverySizeAndStride) {
  for (const auto stride :
       {OutputStride::k8, OutputStride::k16, OutputStride::k32}) {
    try {
      network_->set_output_stride(stride);
    } catch (const ConfigError&) {
      continue;
    }
    network_->train();
    const auto compiled = compile(network_, torch::kFloat32);
    EXPECT_TRUE(network_->is_training());
    network_->eval();
    for (const auto& images : model::five_images()) {
      const auto theirs = network_->forward(images);
      const auto ours = compiled(images);
      ASSERT_EQ(ours.sizes(), theirs.sizes());
      ASSERT_EQ(ours.scalar_type(), torch::kFloat32);
      EXPECT_LT(difference(ours, theirs), 1e-4) << images.sizes();
    }
  }
}

TEST_P(CompiledPresets, GiveNearlyTheSameScoresInBfloat16) {
  const auto compiled = compile(network_, torch::kBFloat16);
  network_->eval();
  const auto images = model::five_images()[0];
  const auto ours = compiled(images);
  EXPECT_EQ(ours.scalar_type(), torch::kFloat32);
  EXPECT_LT(difference(ours, network_->forward(images)), 0.05);
}

}  // namespace deeplab::compile
