// SPDX-License-Identifier: Apache-2.0
// Tests training options that must not change the result (pieces and
// recomputation), and options that must change it in a known way.
#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/engine/memory_meter.h"
#include "deeplab/engine/option_training.h"
#include "deeplab/engine/trainer.h"
#include "support/support.h"

namespace deeplab::engine {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

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

/// Only one step is compared: if other layers read a unit's feature map too,
/// its gradients are summed in another order, which rounds differently.
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
      HasSubstr("train.precision is \"float16\", which needs a CUDA device")
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
        option_network(option_network_config("mobilenet_v2")), config,
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
  int64_t compared = 0;
  hooks.save = [&](const Checkpoint& checkpoint, bool) {
    if (checkpoint.awaits_validation) return;
    ++compared;
    EXPECT_TRUE(
        torch::equal(validated, checkpoint.averages["classifier.weight"])
    );
    EXPECT_FALSE(
        torch::equal(validated, checkpoint.network["classifier.weight"])
    );
  };
  trainer.run(whole_batches(), hooks);
  EXPECT_EQ(compared, 2);
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

}  // namespace
}  // namespace deeplab::engine
