// SPDX-License-Identifier: Apache-2.0
// Options of a training that must not change what it gives: pieces, processes,
// recomputation; and those that must change it in a known way.
#include <thread>

#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/engine/memory_meter.h"
#include "deeplab/engine/trainer.h"
#include "deeplab/nn/batch_norm_relu.h"
#include "support/support.h"

namespace deeplab::engine {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

model::DeepLabConfig option_network_config(const std::string& backbone) {
  model::DeepLabConfig config;
  config.backbone = backbone;
  config.aspp.channels = 8;
  config.aspp.separable = true;
  config.aspp.dropout = 0;
  config.decoder_options.channels = 8;
  config.decoder_options.separable = true;
  return config;
}

model::DeepLab option_network(const model::DeepLabConfig& config) {
  torch::manual_seed(7);
  return model::DeepLab(config, 4);
}

TrainConfig option_training(int64_t iterations) {
  TrainConfig config;
  config.iterations = iterations;
  config.batch_size = 4;
  config.learning_rate = 0.02;
  config.validate_every = 0;
  return config;
}

/// Images of one step, the same for any reader; a generator of its own, since
/// several threads draw.
Batch option_batch(int64_t iteration, int64_t first, int64_t count) {
  auto generator = at::detail::createCPUGenerator();
  generator.set_current_seed(static_cast<uint64_t>(100 + iteration));
  Batch batch;
  batch.images =
      torch::randn({4, 3, 33, 33}, generator).narrow(0, first, count).clone();
  batch.labels = torch::randint(0, 4, {4, 33, 33}, generator, torch::kLong)
                     .narrow(0, first, count)
                     .clone();
  // Pieces with different numbers of pixels that count.
  if (first + count == 4) batch.labels[count - 1].slice(0, 0, 20).fill_(kVoid);
  for (int64_t i = 0; i < count; ++i) {
    batch.names.push_back(str("image ", first + i));
  }
  return batch;
}

BatchSource whole_batches() {
  return [](int64_t iteration) { return option_batch(iteration, 0, 4); };
}

weights::StateDict trained(
    model::DeepLab network, const TrainConfig& config, TrainContext context = {}
) {
  Trainer trainer(network, config, std::move(context));
  trainer.run(whole_batches(), {});
  return weights::state_dict(*network);
}

double largest_difference(
    const weights::StateDict& one, const weights::StateDict& other
) {
  double most = 0;
  for (const auto& item : one) {
    if (!item.value().is_floating_point()) continue;
    most = std::max(
        most, (item.value() - other[item.key()]).abs().max().item<double>()
    );
  }
  return most;
}

/// In one step: where a unit's map is used outside too, its gradients are added
/// up in another order.
TEST(Training, RecomputedUnitsGiveTheSameGradients) {
  for (const std::string backbone :
       {"mobilenet_v2", "resnet18", "xception41", "vgg16_bn"}) {
    const auto config = option_network_config(backbone);
    auto training = option_training(1);
    const auto plain = trained(option_network(config), training);
    training.recompute = true;
    const auto recomputed = trained(option_network(config), training);
    EXPECT_LT(largest_difference(plain, recomputed), 1e-6) << backbone;
  }
}

TEST(Training, RecomputedUnitsHoldLessAtOnce) {
  const auto peak_of = [](bool recompute) {
    auto training = option_training(1);
    training.recompute = recompute;
    const auto network = option_network(option_network_config("mobilenet_v2"));
    Trainer trainer(network, training);
    const Batch batch{
        torch::randn({4, 3, 129, 129}),
        torch::zeros({4, 129, 129}, torch::kLong),
        {}};
    return static_cast<double>(peak_tensor_bytes([&] {
      trainer.run([&](int64_t) { return batch; }, {});
    }));
  };
  EXPECT_LT(peak_of(true), 0.75 * peak_of(false));
}

TEST(Training, PiecesOfABatchGiveTheWholeBatchsGradients) {
  const auto config = option_network_config("mobilenet_v2");
  auto training = option_training(4);
  training.batch_norm = "frozen";
  const auto whole = trained(option_network(config), training);
  training.accumulate = 2;
  EXPECT_LT(
      largest_difference(whole, trained(option_network(config), training)), 1e-6
  );
}

TEST(Training, GroupNormNeedsNoBatch) {
  auto config = option_network_config("mobilenet_v2");
  config.norm = "group";
  auto training = option_training(4);
  const auto whole = trained(option_network(config), training);
  training.accumulate = 2;
  EXPECT_LT(
      largest_difference(whole, trained(option_network(config), training)), 1e-5
  );
}

TEST(Training, GroupNormTakesOneImage) {
  auto config = option_network_config("mobilenet_v2");
  config.norm = "group";
  auto training = option_training(1);
  training.batch_size = 1;
  Trainer trainer(option_network(config), training);
  EXPECT_NO_THROW(trainer.run(
      [](int64_t iteration) { return option_batch(iteration, 0, 1); }, {}
  ));
}

TEST(Training, ClippedGradientsAreReportedAndShortened) {
  auto training = option_training(1);
  training.clip_gradient_norm = 1e-3;
  training.momentum = 0;
  training.weight_decay = 0;
  training.learning_rate = 1;
  training.schedule = "constant";
  const auto network = option_network(option_network_config("mobilenet_v2"));
  weights::StateDict before;
  for (const auto& item : network->named_parameters()) {
    before.insert(item.key(), item.value().detach().clone());
  }
  Trainer trainer(network, training);
  TrainHooks hooks;
  hooks.on_step = [](const StepReport& report) {
    ASSERT_TRUE(report.gradient_norm.has_value());
    EXPECT_GT(*report.gradient_norm, 1e-2);
  };
  trainer.run(whole_batches(), hooks);
  double square = 0;
  for (const auto& item : network->named_parameters()) {
    square += (item.value() - before[item.key()])
                  .detach()
                  .to(torch::kFloat64)
                  .square()
                  .sum()
                  .item<double>();
  }
  EXPECT_NEAR(std::sqrt(square), 1e-3, 2e-5);
}

TEST(Training, Bfloat16LearnsAsFloat32Does) {
  const auto one_batch = [](int64_t) {
    auto batch = option_batch(0, 0, 4);
    batch.labels.fill_(2);
    return batch;
  };
  std::vector<double> last;
  for (const char* precision : {"float32", "bfloat16"}) {
    auto training = option_training(25);
    training.precision = precision;
    const auto network = option_network(option_network_config("mobilenet_v2"));
    Trainer trainer(network, training);
    TrainHooks hooks;
    std::vector<double> losses;
    hooks.on_step = [&](const StepReport& report) {
      losses.push_back(report.loss);
    };
    trainer.run(one_batch, hooks);
    EXPECT_NEAR(losses.front(), std::log(4.0), 0.1);
    EXPECT_LT(losses.back(), 0.3) << precision;
    last.push_back(losses.back());
    EXPECT_EQ(network->parameters()[0].scalar_type(), torch::kFloat32);
  }
  EXPECT_NE(last[0], last[1]);
}

TEST(Training, Float16IsForCuda) {
  auto training = option_training(1);
  training.precision = "float16";
  EXPECT_THAT(
      message_of<ConfigError>([&] {
        Trainer(option_network(option_network_config("resnet18")), training);
      }),
      HasSubstr("train.precision is \"float16\", which only CUDA")
  );
}

TEST(Training, ATeacherOfTheSameScoresLeavesNothingToLearn) {
  auto training = option_training(1);
  training.teacher = TeacherConfig{"teacher.pt", 2, 3};
  training.momentum = 0;
  auto network = option_network(option_network_config("mobilenet_v2"));
  double plain = 0;
  double own = 0;
  double other = 0;
  const auto loss_with = [&](TrainContext context, bool teaches) {
    auto config = training;
    if (!teaches) config.teacher.reset();
    double loss = 0;
    TrainHooks hooks;
    hooks.on_step = [&](const StepReport& report) { loss = report.loss; };
    Trainer trainer(
        option_network(option_network_config("mobilenet_v2")),
        config,
        std::move(context)
    );
    trainer.run(whole_batches(), hooks);
    return loss;
  };
  plain = loss_with({}, false);
  network->train();
  TrainContext context;
  context.teacher = [&](const torch::Tensor& images) {
    torch::NoGradGuard no_grad;
    return network->forward(images);
  };
  own = loss_with(context, true);
  context.teacher = [](const torch::Tensor& images) {
    return 5 * torch::eye(4)
                   .index({2})
                   .view({1, 4, 1, 1})
                   .expand({images.size(0), 4, images.size(2), images.size(3)});
  };
  other = loss_with(context, true);
  EXPECT_NEAR(own, plain, 1e-5);
  EXPECT_GT(other, plain + 0.1);
}

TEST(Training, AveragesAreWhatIsValidatedAndTheNetworkGoesOn) {
  auto training = option_training(4);
  training.ema_decay = 0.9;
  training.validate_every = 2;
  const auto network = option_network(option_network_config("mobilenet_v2"));
  Trainer trainer(network, training);
  TrainHooks hooks;
  torch::Tensor validated;
  hooks.validate = [&](int64_t) {
    validated = network->named_parameters()["classifier.weight"].clone();
    return 0.5;
  };
  hooks.save = [&](const Checkpoint& checkpoint, bool) {
    EXPECT_TRUE(
        torch::equal(validated, checkpoint.averages["classifier.weight"])
    );
    EXPECT_FALSE(
        torch::equal(validated, checkpoint.network["classifier.weight"])
    );
  };
  trainer.run(whole_batches(), hooks);
  auto without = option_training(4);
  EXPECT_EQ(
      largest_difference(
          weights::state_dict(*network),
          trained(
              option_network(option_network_config("mobilenet_v2")), without
          )
      ),
      0
  );
}

/// Runs `work` in `count` threads that are the processes of a training.
void in_processes(
    int64_t count,
    const std::function<void(std::shared_ptr<ProcessGroup>)>& work
) {
  const int64_t port = testing::free_port();
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] {
      ProcessPlace place;
      place.rank = rank;
      place.size = count;
      place.port = port;
      work(std::make_shared<ProcessGroup>(place, std::chrono::seconds(60)));
    });
  }
  for (auto& thread : threads) thread.join();
}

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
      const auto texts = group->gather(str("r", group->rank(), round));
      EXPECT_EQ(texts.size(), 3U);
      EXPECT_EQ(texts.at(2), str("r2", round));
    }
  });
}

/// A training in two processes beside the same in one, in float64: a network
/// of random weights makes large differences of float32's small ones.
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
        option_network(option_network_config("mobilenet_v2")),
        training,
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
      norm->set_sum([&](torch::Tensor& values) { group->sum(values); });
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
  EXPECT_THAT(message, HasSubstr("process 1 of 2 is gone"));
}

TEST(Processes, ABatchThatTheyCannotShareIsRefused) {
  TrainConfig training;
  training.batch_size = 6;
  EXPECT_THAT(
      message_of<ConfigError>([&] {
        training.validate_processes(4, /*batch_norms=*/true);
      }),
      HasSubstr("train.batch_size is 6; must be a multiple of processes")
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
