// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/metrics.h"

#include <torch/torch.h>

#include "deeplab/core/sample.h"
#include "support/support.h"

namespace deeplab::metrics {
namespace {

TEST(ConfusionMatrix, ScoresAHandMadeExample) {
  // The truth is 0 0 0 1 1 void, and the guess is 0 0 1 1 0 1.
  ConfusionMatrix matrix(3);
  matrix.add(
      torch::tensor({{0L, 0L, 0L}, {1L, 1L, kVoid}}),
      torch::tensor({{0L, 0L, 1L}, {1L, 0L, 1L}})
  );
  const auto scores = matrix.scores();
  EXPECT_DOUBLE_EQ(*scores.class_iou[0], 2.0 / 4);
  EXPECT_DOUBLE_EQ(*scores.class_iou[1], 1.0 / 3);
  EXPECT_FALSE(scores.class_iou[2].has_value());
  EXPECT_DOUBLE_EQ(scores.mean_iou, (0.5 + 1.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(scores.pixel_accuracy, 3.0 / 5);
  EXPECT_DOUBLE_EQ(scores.mean_accuracy, (2.0 / 3 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(scores.frequency_weighted_iou, 0.6 * 0.5 + 0.4 / 3);
}

TEST(ConfusionMatrix, ACopyCountsOnItsOwn) {
  const ConfusionMatrix matrix(2);
  auto copy = matrix;
  copy.add(torch::tensor({{1L}}), torch::tensor({{1L}}));
  EXPECT_EQ(matrix.counts().sum().item<int64_t>(), 0);
  EXPECT_EQ(copy.counts().sum().item<int64_t>(), 1);
}

TEST(ConfusionMatrix, EqualsADoubleLoop) {
  torch::manual_seed(1);
  constexpr int64_t kClasses = 6;
  const auto labels = torch::randint(0, kClasses + 1, {4, 17, 13});
  const auto truth = labels.masked_fill(labels.eq(kClasses), kVoid);
  const auto guess = torch::randint(0, kClasses, {4, 17, 13});
  ConfusionMatrix matrix(kClasses);
  for (int64_t i = 0; i < 4; ++i) matrix.add(truth[i], guess[i]);
  const auto flat_truth = truth.flatten();
  const auto flat_guess = guess.flatten();
  for (int64_t t = 0; t < kClasses; ++t) {
    for (int64_t g = 0; g < kClasses; ++g) {
      int64_t count = 0;
      for (int64_t i = 0; i < flat_truth.numel(); ++i) {
        count += flat_truth[i].item<int64_t>() == t &&
                         flat_guess[i].item<int64_t>() == g
                     ? 1
                     : 0;
      }
      EXPECT_EQ(matrix.counts()[t][g].item<int64_t>(), count);
    }
  }
}

TEST(ConfusionMatrix, CountsPastWhereAFloatStops) {
  ConfusionMatrix matrix(2);
  const auto labels = torch::zeros({4096, 4096}, torch::kInt64);
  matrix.add(labels, labels);
  matrix.add(labels.narrow(0, 0, 1), labels.narrow(0, 0, 1));
  EXPECT_EQ(matrix.counts()[0][0].item<int64_t>(), 4096L * 4096 + 4096);
}

TEST(ConfusionMatrix, AClassThatIsOnlyPredictedScoresZero) {
  ConfusionMatrix matrix(2);
  matrix.add(torch::tensor({0L, 0L}), torch::tensor({0L, 1L}));
  EXPECT_DOUBLE_EQ(*matrix.scores().class_iou[1], 0);
  EXPECT_DOUBLE_EQ(matrix.scores().mean_iou, 0.25);
}

TEST(ConfusionMatrix, AllVoidGivesNoScoreAndNoNan) {
  ConfusionMatrix matrix(2);
  matrix.add(torch::full({3}, kVoid), torch::zeros({3}, torch::kInt64));
  EXPECT_EQ(matrix.scores().mean_iou, 0);
  EXPECT_EQ(matrix.scores().pixel_accuracy, 0);
}

TEST(ConfusionMatrix, RefusesClassesOutOfRange) {
  ConfusionMatrix matrix(2);
  EXPECT_THROW(
      matrix.add(torch::tensor({2L}), torch::tensor({0L})), c10::Error
  );
  EXPECT_THROW(
      matrix.add(torch::tensor({0L}), torch::tensor({-1L})), c10::Error
  );
}

}  // namespace
}  // namespace deeplab::metrics
