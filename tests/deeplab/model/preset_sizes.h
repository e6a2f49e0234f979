// SPDX-License-Identifier: Apache-2.0
// Tests of presets, for both the short and the long test program.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "deeplab/engine/batch_norm.h"
#include "deeplab/model/deeplab.h"
#include "deeplab/model/presets.h"

namespace deeplab::model {

/// Returns presets that together have every kind of backbone, context and
/// decoder. The long tests use all presets.
inline std::vector<std::string> quick_presets() {
  return {
      "deeplabv1-vgg16-largefov",
      "deeplabv2-resnet101",
      "deeplabv3plus-mobilenetv2",
      "deeplabv3plus-xception41",
      "fcn8s-vgg16",
      "pspnet-resnet50",
      "unet-resnet34"};
}

/// Makes a preset's network with 5 classes, at the preset's output stride.
inline DeepLab make_preset(const std::string& name) {
  const auto chosen = preset(name);
  DeepLab network(chosen.config, 5);
  network->set_output_stride(chosen.output_stride);
  return network;
}

/// Returns images of five sizes.
inline std::vector<torch::Tensor> five_images() {
  torch::manual_seed(4);
  return {
      torch::randn({1, 3, 65, 97}), torch::randn({2, 3, 33, 65}),
      torch::randn({1, 3, 64, 50}), torch::randn({3, 3, 41, 40}),
      torch::randn({1, 3, 97, 66})};
}

/// Runs the network in evaluation and training mode on one and on three images
/// of a size, and checks the shape of the scores.
inline void expect_scores_at(DeepLab network, int64_t height, int64_t width) {
  torch::NoGradGuard no_grad;
  for (const int64_t batch : {3, 1}) {
    const std::vector<int64_t> expected{batch, 5, height, width};
    const auto images = torch::randn({batch, 3, height, width});
    network->eval();
    EXPECT_EQ(network->forward(images).sizes(), expected);
    network->train();
    // Batch norm may have no statistics for a single image, so it must be
    // frozen.
    if (batch == 1) engine::freeze_batch_norm(*network);
    EXPECT_EQ(network->forward(images).sizes(), expected);
  }
}

inline void expect_gradients_everywhere(DeepLab network) {
  torch::manual_seed(3);
  const auto scores = network->forward_with_sides(torch::randn({2, 3, 65, 65}));
  auto loss = scores.logits.pow(2).sum();
  for (const auto& side : scores.sides) loss = loss + side.logits.pow(2).sum();
  loss.backward();
  for (const auto& item : network->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().sum().item<float>(), 0) << item.key();
  }
}

/// Converts a preset's name to one that GoogleTest allows.
inline std::string test_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace deeplab::model
