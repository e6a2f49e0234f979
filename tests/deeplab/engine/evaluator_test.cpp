// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/evaluator.h"

#include <chrono>
#include <cmath>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

constexpr int64_t kClasses = 4;
constexpr int64_t kImages = 5;
constexpr std::chrono::seconds kPatience{20};

/// Images of several sizes with random labels, whose scores are known.
Sample sample_at(int64_t index) {
  torch::manual_seed(static_cast<uint64_t>(index));
  Sample sample;
  sample.name = fmt::format("image {}", index);
  sample.image = torch::randn({3, 9 + index, 12});
  sample.labels = torch::randint(kClasses, {9 + index, 12}, torch::kInt64);
  return sample;
}

torch::Tensor scores_of(const torch::Tensor& images) {
  return torch::cat({images, -images.narrow(1, 0, 1)}, 1);
}

EvaluateOptions options_with(bool overlap) {
  EvaluateOptions options;
  options.counted.num_classes = kClasses;
  options.counted.trimap_widths = {1, 3};
  options.overlap = overlap;
  return options;
}

class EvaluatorTest : public ::testing::TestWithParam<bool> {
 protected:
  EvaluateOptions options_ = options_with(GetParam());
};

TEST_P(EvaluatorTest, CountsEachImageAndCallsBackInOrder) {
  std::vector<std::string> predicted;
  std::vector<int64_t> finished;
  options_.on_prediction = [&](const Sample& sample,
                               const torch::Tensor& prediction) {
    EXPECT_TRUE(
        prediction.equal(scores_of(sample.image.unsqueeze(0))[0].argmax(0))
    );
    predicted.push_back(sample.name);
  };
  options_.on_image = [&](int64_t done, double) { finished.push_back(done); };
  const auto result = evaluate(scores_of, {kImages, sample_at}, options_);
  EXPECT_THAT(
      predicted,
      ElementsAre("image 0", "image 1", "image 2", "image 3", "image 4")
  );
  EXPECT_THAT(finished, ElementsAre(1, 2, 3, 4, 5));
  metrics::Evaluation expected(options_.counted);
  for (int64_t i = 0; i < kImages; ++i) {
    const auto sample = sample_at(i);
    expected.add(
        sample.name, sample.labels,
        scores_of(sample.image.unsqueeze(0))[0].argmax(0)
    );
  }
  EXPECT_EQ(result.network.to_text(), expected.to_text());
  EXPECT_FALSE(result.processed.has_value());
}

TEST_P(EvaluatorTest, CountsWhatIsPostProcessedSeparately) {
  options_.post_process = [](const Sample& sample, const torch::Tensor&) {
    // Gives the true class the largest score.
    return torch::one_hot(sample.labels, kClasses)
        .permute({2, 0, 1})
        .to(torch::kFloat32);
  };
  std::vector<bool> right;
  options_.on_prediction = [&](const Sample& sample,
                               const torch::Tensor& prediction) {
    right.push_back(prediction.equal(sample.labels));
  };
  const auto result = evaluate(scores_of, {kImages, sample_at}, options_);
  EXPECT_THAT(right, ElementsAre(true, true, true, true, true));
  EXPECT_LT(result.network.scores().mean_iou, 0.5);
  ASSERT_TRUE(result.processed.has_value());
  EXPECT_DOUBLE_EQ(result.processed->scores().mean_iou, 1);
}

TEST_P(EvaluatorTest, GivesTheNetworkImagesOfOneSizeTogether) {
  // The heights are 9, 9, 9, 12, 9, 9, 9.
  const auto read = [](int64_t index) {
    auto sample = sample_at(index == 3 ? 3 : 0);
    sample.name = fmt::format("image {}", index);
    sample.image = sample.image + static_cast<double>(index);
    return sample;
  };
  std::vector<int64_t> together;
  const auto network = [&](const torch::Tensor& images) {
    together.push_back(images.size(0));
    return scores_of(images);
  };
  std::vector<std::string> predicted;
  options_.on_prediction = [&](const Sample& sample, const torch::Tensor&) {
    predicted.push_back(sample.name);
  };
  std::vector<int64_t> finished;
  options_.on_image = [&](int64_t done, double) { finished.push_back(done); };
  const auto one_by_one = evaluate(network, {7, read}, options_);
  EXPECT_THAT(together, ElementsAre(1, 1, 1, 1, 1, 1, 1));
  const auto in_order = std::exchange(predicted, {});
  together.clear();
  finished.clear();
  options_.batch_size = 2;
  const auto batches = evaluate(network, {7, read}, options_);
  EXPECT_THAT(together, ElementsAre(2, 1, 1, 2, 1));
  EXPECT_THAT(finished, ElementsAre(2, 3, 4, 6, 7));
  EXPECT_EQ(predicted, in_order);
  EXPECT_EQ(batches.network.to_text(), one_by_one.network.to_text());
}

TEST_P(EvaluatorTest, NamesTheImageOfABatchWhoseScoresAreNotFinite) {
  options_.batch_size = 3;
  const auto read = [](int64_t index) {
    auto sample = sample_at(0);
    sample.name = fmt::format("image {}", index);
    if (index == 1) sample.image.fill_(NAN);
    return sample;
  };
  EXPECT_THAT(
      message_of<Error>([&] {
        evaluate(scores_of, {kImages, read}, options_);
      }),
      HasSubstr("image 1: the network's scores for this image are not finite")
  );
}

TEST_P(EvaluatorTest, PassesOnWhatReadingThrows) {
  int64_t finished = 0;
  options_.on_image = [&](int64_t done, double) { finished = done; };
  const auto broken = [](int64_t index) {
    if (index == 3) throw DataError("image 3: damaged");
    return sample_at(index);
  };
  EXPECT_EQ(
      message_of<DataError>([&] {
        evaluate(scores_of, {kImages, broken}, options_);
      }),
      "image 3: damaged"
  );
  EXPECT_EQ(finished, 2);
}

TEST_P(EvaluatorTest, PassesOnWhatCountingThrows) {
  const auto twice = [](int64_t index) {
    auto sample = sample_at(index);
    if (index == kImages - 1) sample.name = "image 0";
    return sample;
  };
  EXPECT_THAT(
      message_of<Error>([&] {
        evaluate(scores_of, {kImages, twice}, options_);
      }),
      HasSubstr("image 0: the image is counted a second time")
  );
}

TEST_P(EvaluatorTest, OfNoImageHasNoCounts) {
  const auto result = evaluate(scores_of, {0, sample_at}, options_);
  EXPECT_EQ(result.network.confusion().counts().sum().item<int64_t>(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Evaluate,
    EvaluatorTest,
    ::testing::Bool(),
    [](const auto& tested) { return tested.param ? "overlapped" : "in_turn"; }
);

// The network waits, in the second image, until the third image is read and the
// first one is counted: without overlap it would wait in vain.
TEST(Evaluator, ReadsAndCountsWhileTheNetworkWorks) {
  std::promise<void> third_is_read;
  std::promise<void> first_is_counted;
  auto options = options_with(true);
  options.on_prediction = [&](const Sample& sample, const torch::Tensor&) {
    if (sample.name == "image 0") first_is_counted.set_value();
  };
  const auto read = [&](int64_t index) {
    if (index == 2) third_is_read.set_value();
    return sample_at(index);
  };
  int64_t calls = 0;
  const auto network = [&](const torch::Tensor& images) {
    if (++calls == 2) {
      EXPECT_EQ(
          third_is_read.get_future().wait_for(kPatience),
          std::future_status::ready
      );
      EXPECT_EQ(
          first_is_counted.get_future().wait_for(kPatience),
          std::future_status::ready
      );
    }
    return scores_of(images);
  };
  evaluate(network, {kImages, read}, options);
  EXPECT_EQ(calls, kImages);
}

TEST(Evaluator, TellsTheNetworksShareOfTheTime) {
  constexpr std::chrono::milliseconds kPause{100};
  auto options = options_with(false);
  double share = 0;
  options.on_image = [&](int64_t, double network) { share = network; };
  const auto slow_network = [&](const torch::Tensor& images) {
    std::this_thread::sleep_for(kPause);
    return scores_of(images);
  };
  const auto slow_read = [&](int64_t index) {
    std::this_thread::sleep_for(kPause);
    return sample_at(index);
  };
  evaluate(slow_network, {kImages, sample_at}, options);
  EXPECT_GT(share, 0.5);
  EXPECT_LE(share, 1);
  evaluate(scores_of, {kImages, slow_read}, options);
  EXPECT_LT(share, 0.5);
  EXPECT_GE(share, 0);
}

}  // namespace
}  // namespace deeplab::engine
