// SPDX-License-Identifier: Apache-2.0
// Tests several processes. Threads, each with its own process group, take their
// place.
#include <fmt/core.h>
#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/engine/in_processes.h"
#include "deeplab/engine/option_training.h"
#include "deeplab/engine/process_group.h"
#include "deeplab/engine/trainer.h"
#include "deeplab/nn/batch_norm_relu.h"
#include "support/support.h"

namespace deeplab::engine {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

TEST(Processes, SumBroadcastAndGather) {
  in_processes(3, [](const std::shared_ptr<ProcessGroup>& group) {
    const auto rank = static_cast<float>(group->rank());
    auto values = torch::full({2, 2}, rank);
    group->sum(values);
    EXPECT_TRUE(torch::equal(values, torch::full({2, 2}, 3.0F)));
    auto whole = torch::full({3}, group->rank() + 1, torch::kLong);
    group->sum(whole);
    EXPECT_EQ(whole[0].item<int64_t>(), 6);
    auto first = torch::full({5}, rank + 7);
    group->broadcast(first);
    EXPECT_EQ(first[4].item<float>(), 7);
    for (int round = 0; round < 2; ++round) {
      const auto texts =
          group->gather(fmt::format("r{}{}", group->rank(), round));
      EXPECT_EQ(texts.size(), 3U);
      EXPECT_EQ(texts.at(2), fmt::format("r2{}", round));
    }
  });
}

/// Compares a training in two processes with the same training in one. It runs
/// in float64, because a network with random weights amplifies the rounding of
/// float32.
void expect_processes_equal_one(
    const model::DeepLabConfig& network_config, TrainConfig training
) {
  const auto make = [&] {
    auto network = option_network(network_config);
    network->to(torch::kFloat64);
    return network;
  };
  const auto in_double = [](Batch batch) {
    batch.images = batch.images.to(torch::kFloat64);
    return batch;
  };
  const auto network = make();
  Trainer(network, training)
      .run(
          [&](int64_t iteration) {
            return in_double(option_batch(iteration, 0, 4));
          },
          {}
      );
  const auto alone = weights::state_dict(*network);
  const std::vector<model::DeepLab> networks{make(), make()};
  in_processes(2, [&](const std::shared_ptr<ProcessGroup>& group) {
    const auto& own_network = networks[static_cast<size_t>(group->rank())];
    TrainContext context;
    context.processes = group;
    Trainer trainer(own_network, training, std::move(context));
    const int64_t own = training.batch_size / 2;
    trainer.run(
        [&](int64_t iteration) {
          return in_double(option_batch(iteration, own * group->rank(), own));
        },
        {}
    );
  });
  const auto first = weights::state_dict(*networks[0]);
  EXPECT_LT(largest_difference(first, alone), 1e-5);
  for (const auto& item : networks[0]->named_parameters()) {
    EXPECT_TRUE(
        torch::equal(item.value(), networks[1]->named_parameters()[item.key()])
    ) << item.key();
  }
}

TEST(Processes, TwoEqualOneOfTheWholeBatchAfterTwentySteps) {
  auto training = option_training(20);
  training.batch_norm = "sync";
  training.class_weights = {1, 2, 3, 4};
  expect_processes_equal_one(option_network_config("mobilenet_v2"), training);
}

TEST(Processes, OneImageToEachIsEnoughForNormsOverThem) {
  auto training = option_training(2);
  training.batch_size = 2;
  training.batch_norm = "sync";
  in_processes(2, [&](const std::shared_ptr<ProcessGroup>& group) {
    TrainContext context;
    context.processes = group;
    Trainer trainer(
        option_network(option_network_config("mobilenet_v2")), training,
        std::move(context)
    );
    EXPECT_NO_THROW(trainer.run(
        [&](int64_t iteration) {
          return option_batch(iteration, group->rank(), 1);
        },
        {}
    ));
  });
}

TEST(Processes, ShareAccumulatedAndRecomputedBatchesToo) {
  auto config = option_network_config("mobilenet_v2");
  config.scales = {0.5, 1};
  auto training = option_training(3);
  training.batch_norm = "frozen";
  training.recompute = true;
  training.accumulate = 2;
  expect_processes_equal_one(config, training);
}

TEST(Processes, NormsOverThemEqualTorchsOverTheWholeBatch) {
  torch::manual_seed(2);
  const auto features = (torch::randn({4, 6, 5, 3}) * 3 + 8)
                            .contiguous(torch::MemoryFormat::ChannelsLast);
  const auto gradient = torch::randn({4, 6, 5, 3});
  for (const bool fused : {false, true}) {
    torch::nn::BatchNorm2d alone(6);
    auto whole = features.clone().requires_grad_();
    (fused ? alone(whole).relu() : alone(whole)).backward(gradient);
    in_processes(2, [&](const std::shared_ptr<ProcessGroup>& group) {
      nn::Norm norm(6);
      norm->set_all_reduce([&](torch::Tensor& values) { group->sum(values); });
      const int64_t first = 2 * group->rank();
      auto own = features.narrow(0, first, 2).clone().requires_grad_();
      const auto output =
          fused ? nn::batch_norm_relu(*norm, own, nn::ReluCeiling::kNone)
                : norm(own);
      output.backward(gradient.narrow(0, first, 2));
      EXPECT_TRUE(torch::allclose(
          own.grad(), whole.grad().narrow(0, first, 2), 1e-4, 1e-5
      ));
      EXPECT_TRUE(torch::allclose(norm->running_mean, alone->running_mean, 1e-5)
      );
      EXPECT_TRUE(torch::allclose(norm->running_var, alone->running_var, 1e-5));
      auto weight_gradient = norm->weight.grad().clone();
      group->sum(weight_gradient);
      EXPECT_TRUE(
          torch::allclose(weight_gradient, alone->weight.grad(), 1e-4, 1e-4)
      );
    });
  }
}

TEST(Processes, OneThatIsGoneIsNamed) {
  std::string message;
  in_processes(2, [&](const std::shared_ptr<ProcessGroup>& group) {
    if (group->rank() == 1) return;
    auto values = torch::ones({4});
    message = message_of<Error>([&] { group->sum(values); });
  });
  EXPECT_THAT(message, HasSubstr("process 1 of 2 has ended"));
}

TEST(Processes, ABatchThatTheyCannotShareIsRefused) {
  TrainConfig training;
  training.batch_size = 6;
  EXPECT_THAT(
      message_of<ConfigError>([&] {
        training.validate_processes(4, /*batch_norms=*/true);
      }),
      HasSubstr(
          "train.batch_size is 6; must be a multiple of the number of processes"
      )
  );
  training.batch_size = 4;
  EXPECT_THAT(
      message_of<ConfigError>([&] {
        training.validate_processes(4, /*batch_norms=*/true);
      }),
      HasSubstr("set train.batch_norm to \"sync\"")
  );
  training.batch_norm = "sync";
  EXPECT_NO_THROW(training.validate_processes(4, /*batch_norms=*/true));
}

}  // namespace
}  // namespace deeplab::engine
