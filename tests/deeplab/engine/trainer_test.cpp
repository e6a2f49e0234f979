// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/trainer.h"

#include <cmath>
#include <limits>

#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/engine/batch_norm.h"
#include "deeplab/engine/loss.h"
#include "support/support.h"

namespace deeplab::engine {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

model::DeepLab small_network() {
  torch::manual_seed(7);
  model::DeepLabConfig config;
  config.aspp.channels = 8;
  config.aspp.separable = true;
  config.decoder_options.channels = 8;
  config.decoder_options.separable = true;
  return model::DeepLab(config, 4);
}

TrainConfig short_training() {
  TrainConfig config;
  config.iterations = 6;
  config.batch_size = 2;
  config.learning_rate = 0.05;
  config.head_multiplier = 3;
  config.validate_every = 2;
  return config;
}

Batch batch_of(int64_t iteration) {
  torch::manual_seed(100 + iteration);
  return {
      torch::randn({2, 3, 33, 33}),
      torch::randint(0, 4, {2, 33, 33}),
      {"a.jpg", "b.jpg"}};
}

bool equal_states(
    const weights::StateDict& one, const weights::StateDict& two
) {
  for (const auto& item : one) {
    if (!torch::equal(item.value(), two[item.key()])) return false;
  }
  return one.size() == two.size();
}

Checkpoint copy_of(const Checkpoint& checkpoint) {
  Checkpoint copy = checkpoint;
  copy.network.clear();
  copy.velocities.clear();
  for (const auto& item : checkpoint.network) {
    copy.network.insert(item.key(), item.value().clone());
  }
  for (const auto& item : checkpoint.velocities) {
    copy.velocities.insert(item.key(), item.value().clone());
  }
  return copy;
}

TEST(Trainer, ResumedEndsWithTheBitsOfOneNeverStopped) {
  const testing::TemporaryFolder folder;
  TrainHooks hooks;
  hooks.validate = [](int64_t iteration) {
    return static_cast<double>(iteration == 4);
  };
  Checkpoint whole;
  hooks.save = [&](const Checkpoint& checkpoint, bool is_best) {
    if (checkpoint.awaits_validation) return;
    whole = copy_of(checkpoint);
    EXPECT_EQ(is_best, checkpoint.iteration == 4 || checkpoint.iteration == 2);
    if (checkpoint.iteration == 2) save_checkpoint(folder / "c", checkpoint);
  };
  Trainer(small_network(), short_training()).run(batch_of, hooks);
  EXPECT_EQ(whole.best_iteration, 4);

  Trainer resumed(small_network(), short_training());
  resumed.restore(load_checkpoint(folder / "c"));
  EXPECT_EQ(resumed.iteration(), 2);
  Checkpoint last;
  hooks.save = [&](const Checkpoint& checkpoint, bool) {
    last = copy_of(checkpoint);
  };
  resumed.run(batch_of, hooks);
  EXPECT_EQ(last.iteration, 6);
  EXPECT_EQ(last.best_iteration, 4);
  EXPECT_TRUE(equal_states(last.network, whole.network));
  EXPECT_TRUE(equal_states(last.velocities, whole.velocities));
}

TEST(Trainer, AValidationThatFailsIsMadeUpForAndCostsNoStep) {
  const testing::TemporaryFolder folder;
  TrainHooks hooks;
  hooks.validate = [](int64_t iteration) {
    if (iteration == 4) throw DataError("broken photo");
    return 0.5;
  };
  hooks.save = [&](const Checkpoint& checkpoint, bool) {
    save_checkpoint(folder / "c", checkpoint);
  };
  EXPECT_THROW(
      Trainer(small_network(), short_training()).run(batch_of, hooks), DataError
  );

  Trainer resumed(small_network(), short_training());
  resumed.restore(load_checkpoint(folder / "c"));
  EXPECT_EQ(resumed.iteration(), 4);
  std::vector<int64_t> validated;
  hooks.validate = [&](int64_t iteration) {
    validated.push_back(iteration);
    return iteration == 4 ? 1.0 : 0.5;
  };
  resumed.run(batch_of, hooks);
  EXPECT_THAT(validated, ::testing::ElementsAre(4, 6));
  const auto last = load_checkpoint(folder / "c");
  EXPECT_EQ(last.best_iteration, 4);
  EXPECT_FALSE(last.awaits_validation);
}

TEST(Trainer, AValidationThatIsStoppedEndsTheRunAndIsDoneFirstWhenResumed) {
  const testing::TemporaryFolder folder;
  TrainHooks hooks;
  const auto stop_at = [&](int64_t stop) {
    hooks.validate = [stop](int64_t iteration) {
      return iteration == stop ? std::nullopt : std::optional<double>(0.5);
    };
  };
  hooks.save = [&](const Checkpoint& checkpoint, bool) {
    save_checkpoint(folder / "c", checkpoint);
  };
  // The validation of the last iteration counts too.
  for (const int64_t stop : {4, 6}) {
    stop_at(stop);
    Trainer trainer(small_network(), short_training());
    EXPECT_FALSE(trainer.run(batch_of, hooks)) << stop;
    EXPECT_EQ(trainer.iteration(), stop);
    const auto stopped = load_checkpoint(folder / "c");
    EXPECT_EQ(stopped.iteration, stop);
    EXPECT_TRUE(stopped.awaits_validation);
    stop_at(-1);
    Trainer resumed(small_network(), short_training());
    resumed.restore(stopped);
    EXPECT_TRUE(resumed.run(batch_of, hooks));
    EXPECT_FALSE(load_checkpoint(folder / "c").awaits_validation);
  }
}

TEST(Trainer, LearnsOneBatch) {
  auto config = short_training();
  config.iterations = 40;
  config.validate_every = 0;
  std::vector<double> losses;
  TrainHooks hooks;
  hooks.on_step = [&](const StepReport& report) {
    losses.push_back(report.loss);
  };
  const auto one = [](int64_t) {
    auto batch = batch_of(0);
    batch.labels.fill_(1);
    return batch;
  };
  Trainer(small_network(), config).run(one, hooks);
  EXPECT_EQ(losses.size(), 40U);
  EXPECT_NEAR(losses.front(), std::log(4.0), 0.1);
  EXPECT_LT(losses.back(), 0.1);
}

TEST(Trainer, LabelsAtTheStrideAreThoseWhereTheFeaturesLook) {
  torch::manual_seed(7);
  model::DeepLabConfig model;
  model.aspp.channels = 8;
  model.aspp.dropout = 0;
  model.decoder = "none";
  model::DeepLab network(model, 4);
  auto config = short_training();
  config.iterations = 1;
  config.labels_at_stride = true;
  Trainer trainer(network, config, {});
  const auto batch = batch_of(0);
  network->train();
  const auto scores = network->forward(batch.images);
  // The features of 33x33 pixels look at the pixels 0, 16 and 32.
  constexpr int64_t kEnd = 33;
  const auto expected = torch::nn::functional::cross_entropy(
      scores.slice(2, 0, kEnd, 16).slice(3, 0, kEnd, 16),
      batch.labels.slice(1, 0, kEnd, 16).slice(2, 0, kEnd, 16)
  );
  double loss = 0;
  TrainHooks hooks;
  hooks.on_step = [&](const StepReport& report) { loss = report.loss; };
  trainer.run([&](int64_t) { return batch; }, hooks);
  EXPECT_NEAR(loss, expected.item<double>(), 1e-5);
}

TEST(Trainer, RefusesLabelsAtTheStrideWhereScoresAreDrawnElsewhere) {
  auto config = short_training();
  config.labels_at_stride = true;
  model::DeepLabConfig model;
  model.alignment = "edges";
  const model::DeepLab network(model, 4, model::StartWeights::kUnset);
  EXPECT_THAT(
      message_of<ConfigError>([&] { Trainer(network, config, {}); }),
      HasSubstr(
          "train.labels_at_stride is true, but model.alignment is \"edges\""
      )
  );
}

TEST(Trainer, RefusesBoundaryWeightsOfLabelsAtTheStride) {
  auto config = short_training();
  config.labels_at_stride = true;
  config.loss = {LossConfig{}};
  config.loss[0].boundary_weight = 2;
  EXPECT_THAT(
      message_of<ConfigError>([&] { Trainer(small_network(), config, {}); }),
      HasSubstr("train.loss has a boundary_weight")
  );
}

TEST(Trainer, StopsAtALossThatIsNotFinite) {
  auto bad = [](int64_t iteration) {
    auto batch = batch_of(iteration);
    if (iteration == 1) {
      batch.images.fill_(std::numeric_limits<float>::quiet_NaN());
    }
    return batch;
  };
  Trainer trainer(small_network(), short_training());
  EXPECT_THAT(
      message_of<Error>([&] { trainer.run(bad, {}); }),
      HasSubstr("the loss is nan at iteration 2; lower train.learning_rate, or "
                "check the images of this batch: a.jpg, b.jpg")
  );
  EXPECT_EQ(trainer.iteration(), 1);
}

TEST(Trainer, DoesNotSaveWeightsThatAreNotFinite) {
  const auto network = small_network();
  int64_t saved = 0;
  TrainHooks hooks;
  hooks.on_step = [&](const StepReport&) {
    torch::NoGradGuard no_grad;
    network->parameters()[0].fill_(std::numeric_limits<float>::infinity());
  };
  hooks.save = [&](const Checkpoint&, bool) { ++saved; };
  auto config = short_training();
  config.validate_every = 1;
  Trainer trainer(network, config);
  EXPECT_THAT(
      message_of<Error>([&] { trainer.run(batch_of, hooks); }),
      HasSubstr("is not finite after iteration 1")
  );
  EXPECT_EQ(saved, 0);
}

TEST(Trainer, StopsWhenAskedAndSavesFirst) {
  Trainer trainer(small_network(), short_training());
  int64_t saved = 0;
  TrainHooks hooks;
  hooks.should_stop = [&] { return trainer.iteration() == 3; };
  hooks.save = [&](const Checkpoint& checkpoint, bool) {
    saved = checkpoint.iteration;
  };
  trainer.run(batch_of, hooks);
  EXPECT_EQ(trainer.iteration(), 3);
  EXPECT_EQ(saved, 3);
}

TEST(Trainer, FrozenBatchNormKeepsStatisticsAndAffine) {
  auto network = small_network();
  auto config = short_training();
  config.batch_norm = "frozen";
  std::vector<torch::Tensor> before;
  for (const auto& buffer : network->buffers())
    before.push_back(buffer.clone());
  const auto norm_weight =
      network->named_parameters()["aspp.project.bn.weight"].clone();
  Trainer(network, config).run(batch_of, {});
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(torch::equal(before[i], network->buffers()[i]));
  }
  EXPECT_TRUE(torch::equal(
      norm_weight, network->named_parameters()["aspp.project.bn.weight"]
  ));
}

TEST(BatchNorm, FreezingLeavesGroupNormsAlone) {
  for (const bool group : {false, true}) {
    model::DeepLabConfig config;
    config.backbone = "resnet18";
    config.norm = group ? "group" : "batch";
    model::DeepLab network(config, 3, model::StartWeights::kUnset);
    network->train();
    freeze_batch_norm(*network);
    int64_t norms = 0;
    for (const auto& item : network->named_parameters()) {
      if (item.key().find("bn") == std::string::npos) continue;
      EXPECT_EQ(item.value().requires_grad(), group) << item.key();
      ++norms;
    }
    EXPECT_GT(norms, 40);
  }
}

TEST(TrainConfig, WarnsOfFrozenNormsWithoutWeights) {
  TrainConfig config;
  config.batch_norm = "frozen";
  EXPECT_THAT(
      batch_norm_warning(config, 1),
      HasSubstr("batch norms do not normalise, and activations may")
  );
  config.init_from = "weights.pth";
  EXPECT_EQ(batch_norm_warning(config, 1), "");
}

TEST(Trainer, RefusesACheckpointOfAnotherNetwork) {
  Trainer trainer(small_network(), short_training());
  EXPECT_THAT(
      message_of<DataError>([&] { trainer.restore(Checkpoint()); }),
      HasSubstr("is missing; resume with the config of the run that wrote it")
  );
}

TEST(Checkpoint, SaysWhenAFileIsNone) {
  const testing::TemporaryFolder folder;
  testing::write_text(folder / "x", "text");
  EXPECT_THROW(load_checkpoint(folder / "x"), DataError);
  EXPECT_THROW(load_checkpoint(folder / "none"), DataError);
}

TEST(TrainConfig, NamesTheKeyThatBreaksARule) {
  const auto refusal = [](const std::function<void(TrainConfig&)>& change) {
    TrainConfig config;
    change(config);
    return message_of<ConfigError>([&] {
      config.validate(4, /*batch_norms=*/true);
    });
  };
  EXPECT_EQ(
      refusal([](auto& config) { config.iterations = 0; }),
      "train.iterations is 0; must be 1 to 1000000000"
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.batch_size = 1; }),
      HasSubstr("train.batch_size is 1; batch norm cannot learn")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.output_stride = 12; }),
      HasSubstr("train.output_stride is 12; known")
  );
  EXPECT_THAT(
      refusal([](auto& config) {
        config.class_weights = {1, 2};
      }),
      HasSubstr("has 2 weights; the data set has 4 classes")
  );
  EXPECT_EQ(
      refusal([](auto& config) {
        config.class_weights = {0, 0, 0, 0};
      }),
      "train.class_weights are all 0; at least one must be above 0"
  );
  EXPECT_THAT(
      refusal([](auto& config) {
        config.class_weights = {1, 2, 3, 4};
        config.loss.resize(2);
        config.loss[0].kind = "dice";
        config.loss[1].kind = "lovasz";
      }),
      HasSubstr("train.class_weights affect only cross_entropy and focal")
  );
  EXPECT_EQ(
      refusal([](auto& config) { config.learning_rate_end = 0.07; }),
      "train.learning_rate_end is 0.07; must be at most train.learning_rate, "
      "0.007"
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.batch_norm = "group"; }),
      HasSubstr("known: train, sync, frozen")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.accumulate = 3; }),
      HasSubstr("must be a multiple of train.accumulate, 3")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.accumulate = 16; }),
      HasSubstr("train.accumulate cuts the batch into pieces of one image")
  );
  EXPECT_EQ(
      refusal([](auto& config) {
        config.loss.resize(2);
        config.loss[1].kind = "dice";
        config.loss[1].gamma = 3;
      }),
      "train.loss[1].gamma is 3.0; the loss dice does not use this key, only "
      "kind, weight"
  );
  EXPECT_EQ(
      refusal([](auto& config) {
        config.loss.resize(1);
        config.loss[0].kind = "lovasz";
        config.loss[0].hard_share = 0.5;
      }),
      "train.loss[0].kind is \"lovasz\"; hard_share, ohem_below and "
      "boundary_weight work only with cross_entropy, focal"
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.optimizer = "lamb"; }),
      HasSubstr("train.optimizer is \"lamb\"; known: sgd, adam, adamw")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.schedule = "plateau"; }),
      HasSubstr("known: poly, step, cosine, one_cycle, constant")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.slow_start_iterations = 30000; }),
      HasSubstr("train.slow_start_iterations is 30000; must be below "
                "train.iterations, 30000")
  );
  EXPECT_THAT(
      refusal([](auto& config) {
        config.optimizer = "adam";
        config.nesterov = true;
      }),
      HasSubstr("train.nesterov is true; it needs")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.ema_decay = 1; }),
      HasSubstr("train.ema_decay is 1; must be in [0, 1)")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.clip_gradient_norm = 0; }),
      HasSubstr("train.clip_gradient_norm is 0; must be > 0")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.precision = "half"; }),
      HasSubstr("known: float32, bfloat16, float16")
  );
  EXPECT_THAT(
      refusal([](auto& config) {
        config.loss.resize(2);
        config.loss[1].kind = "hinge";
      }),
      HasSubstr("train.loss[1].kind is \"hinge\"; known: cross_entropy")
  );
  EXPECT_THAT(
      refusal([](auto& config) {
        config.loss.resize(1);
        config.loss[0].kind = "dice";
        config.loss[0].hard_share = 0.5;
      }),
      HasSubstr("train.loss[0].kind is \"dice\"; hard_share")
  );
  EXPECT_THAT(
      refusal([](auto& config) {
        config.loss.resize(1);
        config.loss[0].hard_share = 0;
      }),
      HasSubstr("train.loss[0].hard_share is 0; must be in (0, 1]")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.teacher.emplace(); }),
      HasSubstr("train.teacher.file is empty")
  );
  EXPECT_THAT(
      refusal([](auto& config) { config.learning_rate = -1; }),
      HasSubstr("train.learning_rate is -1; must be >= 0")
  );
}

}  // namespace
}  // namespace deeplab::engine
