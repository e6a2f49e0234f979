// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/optimizer.h"

#include <cmath>
#include <set>
#include <sstream>

#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/engine/averaged_weights.h"
#include "deeplab/engine/loss_scale.h"
#include "deeplab/engine/schedule.h"
#include "deeplab/model/deeplab.h"
#include "support/support.h"

namespace deeplab::engine {
namespace {

using ::testing::HasSubstr;

/// Compares our optimizer with torch's on a function that is not quadratic.
void expect_equal_steps(
    const TrainConfig& config,
    const std::function<std::unique_ptr<torch::optim::Optimizer>(torch::Tensor
    )>& make_reference
) {
  torch::manual_seed(1);
  const auto start = torch::randn({5, 4});
  auto ours = start.clone().requires_grad_();
  auto theirs = start.clone().requires_grad_();
  Optimizer optimizer({{"w", ours, 2, config.weight_decay}}, config);
  const auto reference = make_reference(theirs);
  for (int i = 0; i < 6; ++i) {
    optimizer.zero_grad();
    reference->zero_grad();
    ours.pow(3).sum().backward();
    theirs.pow(3).sum().backward();
    optimizer.step(0.01);
    reference->step();
    EXPECT_TRUE(torch::allclose(ours, theirs, 1e-6, 1e-7)) << i;
  }
}

TEST(Optimizer, EqualsTorchsSgd) {
  for (const bool nesterov : {false, true}) {
    TrainConfig config;
    config.weight_decay = 0.1;
    config.nesterov = nesterov;
    expect_equal_steps(config, [&](const torch::Tensor& w) {
      return std::make_unique<torch::optim::SGD>(
          std::vector<torch::Tensor>{w}, torch::optim::SGDOptions(0.02)
                                             .momentum(0.9)
                                             .weight_decay(0.1)
                                             .nesterov(nesterov)
      );
    });
  }
}

TEST(Optimizer, EqualsTorchsAdam) {
  TrainConfig config;
  config.optimizer = "adam";
  config.weight_decay = 0.1;
  config.beta2 = 0.99;
  expect_equal_steps(config, [](const torch::Tensor& w) {
    return std::make_unique<torch::optim::Adam>(
        std::vector<torch::Tensor>{w},
        torch::optim::AdamOptions(0.02).betas({0.9, 0.99}).weight_decay(0.1)
    );
  });
}

TEST(Optimizer, EqualsTorchsAdamW) {
  TrainConfig config;
  config.optimizer = "adamw";
  config.weight_decay = 0.1;
  expect_equal_steps(config, [](const torch::Tensor& w) {
    return std::make_unique<torch::optim::AdamW>(
        std::vector<torch::Tensor>{w},
        torch::optim::AdamWOptions(0.02).weight_decay(0.1)
    );
  });
}

TEST(Optimizer, NormAndScalingAreOfAllGradientsTogether) {
  auto one = torch::zeros({2}).requires_grad_();
  auto other = torch::zeros({1}).requires_grad_();
  Optimizer optimizer({{"a", one}, {"b", other}}, {});
  one.mutable_grad() = torch::tensor({3.0F, 0.0F});
  EXPECT_DOUBLE_EQ(optimizer.gradient_norm(), 3);
  other.mutable_grad() = torch::tensor({-4.0F});
  EXPECT_DOUBLE_EQ(optimizer.gradient_norm(), 5);
  optimizer.scale_gradients(0.5);
  EXPECT_DOUBLE_EQ(optimizer.gradient_norm(), 2.5);
}

model::DeepLab tiny_network() {
  model::DeepLabConfig config;
  config.aspp.channels = 8;
  config.decoder_options.channels = 8;
  return model::DeepLab(config, 3);
}

/// This is the behaviour of TensorFlow's DeepLab.
TEST(Optimizer, MayLeaveDepthwiseConvolutionsWithoutDecay) {
  const auto network = tiny_network();
  std::set<std::string> depthwise;
  for (const auto& item : network->named_modules("", false)) {
    const auto* conv = item.value()->as<torch::nn::Conv2d>();
    if (conv != nullptr && conv->options.groups() > 1) {
      depthwise.insert(item.key() + ".weight");
    }
  }
  // MobileNetV2 has 17 depthwise convolutions.
  EXPECT_EQ(depthwise.size(), 17U);
  TrainConfig config;
  config.depthwise_decay = false;
  for (const auto& entry : trained_parameters(*network, config)) {
    const bool decays =
        entry.parameter.dim() > 1 && depthwise.count(entry.name) == 0;
    EXPECT_EQ(entry.weight_decay, decays ? config.weight_decay : 0)
        << entry.name;
  }
}

TEST(Optimizer, GroupsGiveRatesByNameBiasesTheirOwn) {
  TrainConfig config;
  config.head_multiplier = 10;
  config.weight_decay = 0.5;
  ParameterGroup group;
  group.prefix = "classifier.";
  group.rate = 3;
  group.bias_rate = 20;
  group.weight_decay = 0.25;
  config.groups = {group};
  int64_t seen = 0;
  for (const auto& entry : trained_parameters(*tiny_network(), config)) {
    const auto& name = entry.name;
    const bool weight = entry.parameter.dim() > 1;
    double rate = name.rfind("backbone.", 0) == 0 ? 1 : 10;
    double decay = weight ? 0.5 : 0;
    if (name == "classifier.weight") rate = 3, decay = 0.25, ++seen;
    if (name == "classifier.bias") rate = 20, ++seen;
    EXPECT_EQ(entry.rate, rate) << name;
    EXPECT_EQ(entry.weight_decay, decay) << name;
  }
  EXPECT_EQ(seen, 2);
  config.groups[0].prefix = "clasifier";
  EXPECT_THAT(
      testing::message_of<ConfigError>([&] {
        trained_parameters(*tiny_network(), config);
      }),
      HasSubstr("train.groups[0].prefix is \"clasifier\"; no parameter")
  );
}

/// Returns the learning rates of PyTorch's scheduler, one per iteration; empty
/// if Python has no torch.
std::vector<double> python_rates(const std::string& scheduler) {
  const auto finished = testing::run_shell(
      std::string(testing::kPython) +
      " -W ignore -c 'import torch\n"
      "from torch.optim.lr_scheduler import *\n"
      "o = torch.optim.SGD([torch.zeros(1)], lr=0.02)\n"
      "s = " +
      scheduler +
      "\n"
      "for i in range(40):\n"
      "    print(s.get_last_lr()[0]); o.step(); i == 39 or s.step()'"
  );
  std::istringstream lines(finished.output);
  std::vector<double> rates;
  for (double rate = 0; lines >> rate;) rates.push_back(rate);
  return rates;
}

TEST(Schedule, EqualsPythons) {
  if (!testing::python_has("torch")) GTEST_SKIP() << "no python3-torch";
  TrainConfig config;
  config.iterations = 40;
  config.learning_rate = 0.02;
  const auto expect_equal = [&](const std::string& scheduler) {
    const auto rates = python_rates(scheduler);
    ASSERT_EQ(rates.size(), 40U) << scheduler;
    for (int64_t i = 0; i < 40; ++i) {
      EXPECT_NEAR(learning_rate(config, i), rates[static_cast<size_t>(i)], 1e-9)
          << scheduler << " at " << i;
    }
  };
  expect_equal("PolynomialLR(o, total_iters=40, power=0.9)");
  config.schedule = "cosine";
  config.learning_rate_end = 0.001;
  expect_equal("CosineAnnealingLR(o, T_max=40, eta_min=0.001)");
  config.schedule = "step";
  config.step_every = 12;
  config.step_factor = 0.3;
  expect_equal("StepLR(o, step_size=12, gamma=0.3)");
  config.schedule = "one_cycle";
  expect_equal("OneCycleLR(o, max_lr=0.02, total_steps=40)");
  config.schedule = "constant";
  config.warmup_iterations = 8;
  config.warmup_factor = 0.25;
  expect_equal("LinearLR(o, start_factor=0.25, total_iters=8)");
}

TEST(Schedule, PolyHoldsTheRateBetweenUpdates) {
  TrainConfig config;
  config.iterations = 100;
  config.learning_rate = 0.01;
  config.update_every = 10;
  EXPECT_DOUBLE_EQ(learning_rate(config, 0), 0.01);
  EXPECT_DOUBLE_EQ(learning_rate(config, 9), 0.01);
  EXPECT_DOUBLE_EQ(learning_rate(config, 59), 0.01 * std::pow(0.5, 0.9));
  EXPECT_GT(learning_rate(config, 99), 0);
}

TEST(Schedule, SlowStartComesFirst) {
  TrainConfig config;
  config.iterations = 110;
  config.learning_rate = 0.01;
  config.slow_start_iterations = 10;
  config.slow_start_rate = 1e-5;
  EXPECT_DOUBLE_EQ(learning_rate(config, 9), 1e-5);
  EXPECT_DOUBLE_EQ(learning_rate(config, 10), 0.01);
  EXPECT_DOUBLE_EQ(learning_rate(config, 60), 0.01 * std::pow(0.5, 0.9));
}

TEST(AveragedWeights, AreTheExponentialMeanWithAWarmUp) {
  torch::nn::BatchNorm2d network(2);
  AveragedWeights averages(*network, 0.5);
  double expected = 1;
  for (int64_t i = 0; i < 20; ++i) {
    const auto value = static_cast<double>(i * i);
    {
      torch::NoGradGuard no_grad;
      network->weight.fill_(value);
      network->num_batches_tracked.fill_(i);
    }
    averages.update(i);
    const double kept = std::min(
        0.5, (1.0 + static_cast<double>(i)) / (10.0 + static_cast<double>(i))
    );
    expected = kept * expected + (1 - kept) * value;
  }
  EXPECT_NEAR(averages.averages()["weight"][0].item<double>(), expected, 1e-3);
  averages.swap();
  EXPECT_NEAR(network->weight[0].item<double>(), expected, 1e-3);
  EXPECT_EQ(network->num_batches_tracked.item<int64_t>(), 19);
  averages.swap();
  EXPECT_EQ(network->weight[0].item<double>(), 19 * 19);
}

TEST(LossScale, HalvesAtOnceAndDoublesAfterPatience) {
  LossScale scale;
  EXPECT_FALSE(scale.update(false));
  EXPECT_EQ(scale.factor(), LossScale::kFirst / 2);
  for (int64_t i = 0; i < LossScale::kPatience; ++i) {
    EXPECT_EQ(scale.factor(), LossScale::kFirst / 2);
    EXPECT_TRUE(scale.update(true));
  }
  EXPECT_EQ(scale.factor(), LossScale::kFirst);
  EXPECT_THROW(
      {
        for (int i = 0; i < 40; ++i) scale.update(false);
      },
      Error
  );
}

}  // namespace
}  // namespace deeplab::engine
