// SPDX-License-Identifier: Apache-2.0
// Compares the results of a GPU with those of the CPU. Skipped without a GPU.
#include <cstdlib>

#include <torch/cuda.h>
#include <torch/torch.h>

#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/engine/checkpoint.h"
#include "deeplab/engine/in_processes.h"
#include "deeplab/engine/inference.h"
#include "deeplab/engine/option_training.h"
#include "deeplab/engine/trainer.h"
#include "support/support.h"

namespace deeplab::engine {
namespace {

#define SKIP_WITHOUT_CUDA() \
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device"

struct CudaCase {
  const char* name;
  /// The config's "model" and "train" as JSON.
  const char* network;
  const char* training;
};

void PrintTo(const CudaCase& tested, std::ostream* stream) {
  *stream << tested.name;
}

template <class Config>
Config with(const Config& base, const char* fields) {
  auto json = write_config(base);
  json.merge_patch(parse_json(fields, "a case"));
  return read_config<Config>(json, "");
}

model::DeepLabConfig network_config(const CudaCase& tested) {
  return with(option_network_config("mobilenet_v2"), tested.network);
}

TrainConfig training_config(const CudaCase& tested, int64_t iterations) {
  return with(option_training(iterations), tested.training);
}

/// Returns the weights after training on `device`.
weights::StateDict train_on(
    torch::Device device,
    const model::DeepLabConfig& network_config,
    const TrainConfig& training,
    torch::ScalarType type = torch::kFloat32,
    const TrainHooks& hooks = {},
    const Checkpoint* from = nullptr
) {
  auto network = option_network(network_config);
  network->to(device, type);
  Trainer trainer(network, training);
  if (from != nullptr) trainer.restore(*from);
  trainer.run(
      [&](int64_t iteration) {
        auto batch = option_batch(iteration, 0, 4);
        batch.images = batch.images.to(type);
        return batch;
      },
      hooks
  );
  network->to(torch::kCPU);
  return weights::state_dict(*network);
}

constexpr auto kEveryLoss = R"({"loss": [
    {"kind": "cross_entropy", "label_smoothing": 0.1},
    {"kind": "cross_entropy", "boundary_weight": 2},
    {"kind": "cross_entropy", "hard_share": 0.5},
    {"kind": "cross_entropy", "ohem_below": 0.7, "ohem_least": 10},
    {"kind": "focal"}, {"kind": "dice"}, {"kind": "tversky"},
    {"kind": "lovasz"}], "class_weights": [1, 2, 3, 4]})";

const std::vector<CudaCase>& cuda_cases() {
  static const std::vector<CudaCase> cases{
      {"plain", "{}", "{}"},
      {"every_loss", "{}", kEveryLoss},
      {"averages_and_adamw", "{}",
       R"({"ema_decay": 0.9, "optimizer": "adamw", "learning_rate": 1e-3})"},
      {"accumulated", R"({"norm": "group"})", R"({"accumulate": 2})"},
      {"recomputed", "{}", R"({"recompute": true})"},
      {"scales",
       R"({"scales": [0.5, 1], "aspp": {"fusion": "sum"}, "decoder": "none"})",
       "{}"},
      {"pyramid", R"({"context": "pyramid_pooling", "decoder": "none"})", "{}"},
      {"unet_of_resnet", R"({"backbone": "resnet18", "decoder": "unet"})",
       R"({"batch_norm": "frozen"})"},
      {"fcn_of_vgg",
       R"({"backbone": "vgg16", "context": "none",
                         "decoder": "fcn8s"})",
       R"({"learning_rate": 1e-4})"}};
  return cases;
}

class Cuda : public ::testing::TestWithParam<CudaCase> {};

TEST_P(Cuda, TrainsAsTheCpuDoesInDouble) {
  SKIP_WITHOUT_CUDA();
  const auto config = network_config(GetParam());
  const auto training = training_config(GetParam(), 5);
  EXPECT_LT(
      largest_difference(
          train_on(torch::kCUDA, config, training, torch::kFloat64),
          train_on(torch::kCPU, config, training, torch::kFloat64)
      ),
      1e-7
  );
}

/// Enables deterministic algorithms during its lifetime.
class Deterministic {
 public:
  Deterministic() { set(true); }
  Deterministic(const Deterministic&) = delete;
  Deterministic& operator=(const Deterministic&) = delete;
  ~Deterministic() { set(false); }

 private:
  static void set(bool on) {
    at::globalContext().setDeterministicAlgorithms(on, /*warn_only=*/false);
    at::globalContext().setDeterministicCuDNN(on);
  }
};

/// CUDA reads this variable at the first matrix product.
const bool workspace_is_set =
    ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0) == 0;

TEST_P(Cuda, IsTheSameBitsEachTimeWhereThatIsAskedFor) {
  SKIP_WITHOUT_CUDA();
  ASSERT_TRUE(workspace_is_set);
  const Deterministic deterministic;
  for (const char* precision : {"float32", "bfloat16", "float16"}) {
    auto training = training_config(GetParam(), 4);
    training.precision = precision;
    const auto once =
        train_on(torch::kCUDA, network_config(GetParam()), training);
    const auto again =
        train_on(torch::kCUDA, network_config(GetParam()), training);
    for (const auto& item : once) {
      EXPECT_TRUE(torch::equal(item.value(), again[item.key()]))
          << precision << ", " << item.key();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases,
    Cuda,
    ::testing::ValuesIn(cuda_cases()),
    [](const auto& tested) { return std::string(tested.param.name); }
);

/// Returns a batch whose labels can be learned from the images.
Batch learnable_batch() {
  auto batch = option_batch(0, 0, 4);
  batch.labels = (batch.images.select(1, 0) > 0).to(torch::kLong);
  return batch;
}

TEST(CudaTraining, LearnsInEachPrecision) {
  SKIP_WITHOUT_CUDA();
  for (const char* precision : {"float32", "bfloat16", "float16"}) {
    auto training = option_training(30);
    training.precision = precision;
    std::vector<double> losses;
    TrainHooks hooks;
    hooks.on_step = [&](const StepReport& step) {
      losses.push_back(step.loss);
    };
    auto network = option_network(option_network_config("mobilenet_v2"));
    network->to(torch::kCUDA);
    Trainer(network, training)
        .run([](int64_t) { return learnable_batch(); }, hooks);
    EXPECT_LT(losses.back(), 0.75 * losses.front()) << precision;
  }
}

TEST(CudaTraining, InFloat16GoesOnFromACheckpointWithTheSameBits) {
  SKIP_WITHOUT_CUDA();
  const Deterministic deterministic;
  const testing::TemporaryFolder folder;
  auto training = option_training(6);
  training.precision = "float16";
  training.checkpoint_every = 3;
  TrainHooks hooks;
  hooks.save = [&](const Checkpoint& checkpoint, bool /*is_best*/) {
    if (checkpoint.iteration != 3) return;
    EXPECT_GT(checkpoint.loss_scale, 0);
    save_checkpoint(folder / "half", checkpoint);
  };
  const auto config = option_network_config("mobilenet_v2");
  const auto whole =
      train_on(torch::kCUDA, config, training, torch::kFloat32, hooks);
  const auto half = load_checkpoint(folder / "half");
  const auto resumed =
      train_on(torch::kCUDA, config, training, torch::kFloat32, {}, &half);
  for (const auto& item : whole) {
    EXPECT_TRUE(torch::equal(item.value(), resumed[item.key()])) << item.key();
  }
}

// Two threads take the place of the processes. They share autograd's single
// thread for the GPU, in which synchronised batch norms would wait for each
// other and deadlock; the tests of the program cover those.
TEST(CudaTraining, TwoProcessesOnOneGpuEqualOneOfTheWholeBatch) {
  SKIP_WITHOUT_CUDA();
  const auto training = option_training(10);
  auto config = option_network_config("mobilenet_v2");
  config.norm = "group";
  const auto alone = train_on(torch::kCUDA, config, training, torch::kFloat64);
  std::vector<model::DeepLab> networks;
  for (int i = 0; i < 2; ++i) {
    networks.push_back(option_network(config));
    networks.back()->to(torch::kCUDA, torch::kFloat64);
  }
  in_processes(2, [&](const std::shared_ptr<ProcessGroup>& group) {
    TrainContext context;
    context.processes = group;
    Trainer trainer(
        networks[static_cast<size_t>(group->rank())], training,
        std::move(context)
    );
    trainer.run(
        [&](int64_t iteration) {
          auto batch = option_batch(iteration, 2 * group->rank(), 2);
          batch.images = batch.images.to(torch::kFloat64);
          return batch;
        },
        {}
    );
  });
  networks[0]->to(torch::kCPU);
  EXPECT_LT(largest_difference(weights::state_dict(*networks[0]), alone), 1e-5);
}

TEST(CudaInference, ScalesMirrorsAndPiecesAsOnTheCpu) {
  SKIP_WITHOUT_CUDA();
  auto network = option_network(option_network_config("resnet18"));
  network->to(torch::kFloat64);
  InferenceOptions options;
  options.scales = {0.5, 1};
  options.flip = true;
  options.window = ImageSize{65, 65};
  const auto segment = make_inference(model::make_segmenter(network), options);
  const auto image = torch::randn({1, 3, 90, 120}, torch::kFloat64);
  const auto on_cpu = segment(image);
  network->to(torch::kCUDA);
  const auto on_gpu = segment(image.to(torch::kCUDA)).cpu();
  EXPECT_LT((on_gpu - on_cpu).abs().max().item<double>(), 1e-8);
}

}  // namespace
}  // namespace deeplab::engine
