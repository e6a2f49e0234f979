// SPDX-License-Identifier: Apache-2.0
// Compares the losses with loops over pixels, written from the definitions.
#include "deeplab/engine/loss.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <torch/torch.h>

#include "deeplab/core/sample.h"
#include "support/support.h"

namespace deeplab::engine {
namespace {

constexpr int64_t kLossClasses = 4;

/// A pixel that is not void, for the loops over pixels.
struct OraclePixel {
  std::vector<double> p;
  int64_t y;
  /// Position in the image.
  int64_t row;
  int64_t column;
  int64_t image;

  double right() const { return p[static_cast<size_t>(y)]; }
  double entropy() const { return -std::log(right()); }
};

/// Scores, and labels with void pixels and without class 3.
struct LossCase {
  torch::Tensor logits;
  torch::Tensor labels;
  std::vector<OraclePixel> pixels;

  LossCase() {
    torch::manual_seed(5);
    logits = (2 * torch::randn({2, kLossClasses, 5, 7})).requires_grad_();
    labels = torch::randint(0, 3, {2, 5, 7});
    labels[0].slice(0, 1, 5).fill_(1);
    labels[1][0].fill_(kVoid);
    labels[0][2][3] = kVoid;
    const auto p = logits.detach().to(torch::kFloat64).softmax(1);
    for (int64_t n = 0; n < 2; ++n) {
      for (int64_t row = 0; row < 5; ++row) {
        for (int64_t column = 0; column < 7; ++column) {
          const auto y = labels[n][row][column].item<int64_t>();
          if (y == kVoid) continue;
          OraclePixel pixel{{}, y, row, column, n};
          for (int64_t c = 0; c < kLossClasses; ++c) {
            pixel.p.push_back(p[n][c][row][column].item<double>());
          }
          pixels.push_back(pixel);
        }
      }
    }
  }

  double loss(
      const LossConfig& config,
      const torch::Tensor& weights = {},
      int64_t iteration = 0
  ) const {
    LossTarget target;
    target.labels = labels;
    target.class_weights = weights;
    target.total = total_weight(config, labels, weights, {});
    target.iteration = iteration;
    return loss_term(config, logits, target).item<double>();
  }

  double mean(const std::function<double(const OraclePixel&)>& of) const {
    double sum = 0;
    for (const auto& pixel : pixels) sum += of(pixel);
    return sum / static_cast<double>(pixels.size());
  }

  /// Returns 1 - S / (S + a F + b M), averaged over the classes that occur.
  double tversky(double a, double b) const {
    double sum = 0;
    int64_t present = 0;
    for (int64_t c = 0; c < kLossClasses; ++c) {
      double right = 0;
      double claimed_falsely = 0;
      double missed = 0;
      for (const auto& pixel : pixels) {
        const double p = pixel.p[static_cast<size_t>(c)];
        (pixel.y == c ? right : claimed_falsely) += p;
        if (pixel.y == c) missed += 1 - p;
      }
      if (right + missed == 0) continue;
      sum += right / (right + a * claimed_falsely + b * missed);
      ++present;
    }
    return 1 - sum / static_cast<double>(present);
  }
};

LossConfig of_kind(const char* kind) {
  LossConfig config;
  config.kind = kind;
  return config;
}

TEST(Loss, IsTheMeanOverPixelsThatAreNotVoid) {
  const LossCase c;
  const double plain =
      c.mean([](const auto& pixel) { return pixel.entropy(); });
  EXPECT_NEAR(c.loss({}), plain, 1e-5);
  EXPECT_NEAR(
      segmentation_loss(c.logits, c.labels, {}).item<double>(), plain, 1e-5
  );
}

TEST(Loss, ByProductsIsTheSameWithTheSameGradient) {
  const LossCase c;
  const auto weights = torch::tensor({3.0F, 1.0F, 0.5F, 7.0F});
  for (const auto& soft :
       {SoftTruth{}, SoftTruth{0.1, {}}, SoftTruth{0.2, weights}}) {
    auto ours = c.logits.detach().clone().requires_grad_();
    auto theirs = c.logits.detach().clone().requires_grad_();
    const auto losses = cross_entropy_deterministic(ours, c.labels, soft);
    EXPECT_EQ(losses[1][0].abs().max().item<float>(), 0);
    const auto sum = torch::nn::functional::cross_entropy(
        theirs, c.labels,
        torch::nn::functional::CrossEntropyFuncOptions()
            .weight(soft.class_weights)
            .label_smoothing(soft.smoothing)
            .ignore_index(kVoid)
            .reduction(torch::kSum)
    );
    EXPECT_NEAR(losses.sum().item<float>(), sum.item<float>(), 1e-3);
    losses.sum().backward();
    sum.backward();
    EXPECT_TRUE(torch::allclose(ours.grad(), theirs.grad(), 1e-5, 1e-6));
  }
}

TEST(Loss, WeighsClassesAndDividesByTheirWeight) {
  const LossCase c;
  const std::vector<double> weights{3, 1, 0.5, 7};
  double sum = 0;
  double total = 0;
  for (const auto& pixel : c.pixels) {
    const double weight = weights[static_cast<size_t>(pixel.y)];
    sum += weight * pixel.entropy();
    total += weight;
  }
  const auto tensor = torch::tensor(weights, torch::kFloat32);
  EXPECT_NEAR(c.loss({}, tensor), sum / total, 1e-5);
}

TEST(Loss, OfVoidAloneIsZeroWithZeroGradient) {
  for (const char* kind :
       {"cross_entropy", "focal", "dice", "jaccard", "tversky", "lovasz"}) {
    auto logits = torch::randn({1, 2, 3, 3}).requires_grad_();
    LossTarget target;
    target.labels = torch::full({1, 3, 3}, kVoid);
    const auto config = of_kind(kind);
    target.total = total_weight(config, target.labels, {}, {});
    const auto loss = loss_term(config, logits, target);
    EXPECT_EQ(loss.item<double>(), 0) << kind;
    loss.backward();
    EXPECT_EQ(logits.grad().abs().max().item<float>(), 0) << kind;
  }
}

TEST(Loss, SmoothsLabelsOverAllClasses) {
  const LossCase c;
  LossConfig config;
  config.label_smoothing = 0.1;
  const double expected = c.mean([](const OraclePixel& pixel) {
    double spread = 0;
    for (const double p : pixel.p) spread -= std::log(p) / kLossClasses;
    return 0.9 * pixel.entropy() + 0.1 * spread;
  });
  EXPECT_NEAR(c.loss(config), expected, 1e-5);
}

TEST(Loss, FocalLooksAwayFromWhatIsSure) {
  const LossCase c;
  auto config = of_kind("focal");
  config.gamma = 1.5;
  config.weight = 3;
  const double expected = c.mean([](const OraclePixel& pixel) {
    return 3 * std::pow(1 - pixel.right(), 1.5) * pixel.entropy();
  });
  EXPECT_NEAR(c.loss(config), expected, 1e-5);
  config.gamma = 0;
  EXPECT_NEAR(c.loss(config), 3 * c.loss({}), 1e-5);
}

TEST(Loss, FocalHasAGradientAtWhatIsWhollySure) {
  for (const double gamma : {0.0, 0.5, 1.0, 2.0}) {
    auto config = of_kind("focal");
    config.gamma = gamma;
    // The pixels are confident and right, confident and wrong, and void.
    const auto logits =
        torch::tensor({{200.0F, 200.0F, 200.0F}, {-200.0F, -200.0F, -200.0F}})
            .view({1, 2, 1, 3})
            .requires_grad_();
    LossTarget target;
    target.labels =
        torch::tensor({0L, 1L, static_cast<int64_t>(kVoid)}).view({1, 1, 3});
    target.total = total_weight(config, target.labels, {}, {});
    const auto loss = loss_term(config, logits, target);
    loss.backward();
    EXPECT_NEAR(loss.item<double>(), 400.0 / 2, 1e-3) << gamma;
    const auto gradient = logits.grad().flatten(1);
    EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << gamma;
    EXPECT_NEAR(gradient[0][1].item<double>(), 0.5, 1e-6) << gamma;
    EXPECT_EQ(gradient.select(1, 2).abs().sum().item<double>(), 0) << gamma;
  }
}

TEST(Loss, RegionsAreTverskysWithTheirWeights) {
  const LossCase c;
  EXPECT_NEAR(c.loss(of_kind("dice")), c.tversky(0.5, 0.5), 1e-5);
  EXPECT_NEAR(c.loss(of_kind("jaccard")), c.tversky(1, 1), 1e-5);
  EXPECT_NEAR(c.loss(of_kind("tversky")), c.tversky(0.3, 0.7), 1e-5);
}

/// Returns the Jaccard loss of a class if the pixels in `wrong` are
/// misclassified.
double jaccard_loss(
    const std::vector<bool>& truth, const std::vector<bool>& wrong
) {
  double both = 0;
  double either = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    const bool claimed = truth[i] != wrong[i];
    both += truth[i] && claimed ? 1 : 0;
    either += truth[i] || claimed ? 1 : 0;
  }
  return 1 - both / either;
}

TEST(Loss, LovaszIsTheExtensionOfTheJaccardLossOfSets) {
  const LossCase c;
  double sum = 0;
  int64_t present = 0;
  for (int64_t k = 0; k < kLossClasses; ++k) {
    std::vector<bool> truth;
    std::vector<std::pair<double, size_t>> errors;
    for (size_t i = 0; i < c.pixels.size(); ++i) {
      truth.push_back(c.pixels[i].y == k);
      const double p = c.pixels[i].p[static_cast<size_t>(k)];
      errors.emplace_back(-(truth[i] ? 1 - p : p), i);
    }
    if (std::count(truth.begin(), truth.end(), true) == 0) continue;
    ++present;
    std::sort(errors.begin(), errors.end());
    std::vector<bool> wrong(truth.size(), false);
    double before = 0;
    for (const auto& [error, i] : errors) {
      wrong[i] = true;
      const double after = jaccard_loss(truth, wrong);
      sum += -error * (after - before);
      before = after;
    }
  }
  EXPECT_NEAR(
      c.loss(of_kind("lovasz")), sum / static_cast<double>(present), 1e-5
  );
}

TEST(Loss, HardPixelsAreTheLargestShareAfterARamp) {
  const LossCase c;
  LossConfig config;
  config.hard_share = 0.25;
  config.hard_ramp = 10;
  std::vector<double> losses;
  for (const auto& pixel : c.pixels) losses.push_back(pixel.entropy());
  std::sort(losses.rbegin(), losses.rend());
  for (const int64_t iteration : {0, 4, 10, 11}) {
    const double share =
        1 - 0.75 * std::min(1.0, static_cast<double>(iteration) / 10);
    const auto count =
        static_cast<size_t>(share * static_cast<double>(losses.size()));
    double sum = 0;
    for (size_t i = 0; i < count; ++i) sum += losses[i];
    EXPECT_NEAR(
        c.loss(config, {}, iteration), sum / static_cast<double>(count), 1e-5
    ) << iteration;
  }
}

TEST(Loss, OhemTakesUnsurePixelsButAtLeastSoMany) {
  const LossCase c;
  std::vector<double> sure;
  for (const auto& pixel : c.pixels) sure.push_back(pixel.right());
  std::sort(sure.begin(), sure.end());
  LossConfig config;
  // The first threshold is above many probabilities, the second below nearly
  // all.
  for (const double below : {0.6, sure[2]}) {
    config.ohem_below = below;
    config.ohem_least = 10;
    const double limit = std::max(below, sure[10]);
    double sum = 0;
    int64_t count = 0;
    for (const auto& pixel : c.pixels) {
      if (pixel.right() >= limit) continue;
      sum += pixel.entropy();
      ++count;
    }
    EXPECT_GE(count, 10);
    EXPECT_NEAR(c.loss(config), sum / static_cast<double>(count), 1e-5);
  }
}

TEST(Loss, OhemLooksAtTheProbabilityWithFocalToo) {
  const LossCase c;
  auto config = of_kind("focal");
  config.ohem_below = 0.7;
  config.ohem_least = 1;
  double sum = 0;
  int64_t count = 0;
  for (const auto& pixel : c.pixels) {
    if (pixel.right() >= 0.7) continue;
    sum += std::pow(1 - pixel.right(), 2) * pixel.entropy();
    ++count;
  }
  EXPECT_GT(count, 5);
  EXPECT_NEAR(c.loss(config), sum / static_cast<double>(count), 1e-5);
}

TEST(Loss, BoundaryPixelsCountMore) {
  const LossCase c;
  LossConfig config;
  config.boundary_weight = 2;
  config.boundary_width = 2;
  const auto at = [&](const OraclePixel& pixel, int64_t down, int64_t right) {
    const int64_t row = pixel.row + down;
    const int64_t column = pixel.column + right;
    if (row < 0 || row >= 5 || column < 0 || column >= 7) return int64_t{-1};
    return c.labels[pixel.image][row][column].item<int64_t>();
  };
  // A pixel is on a boundary if a pixel that shares a side with it is void or
  // has another label.
  const auto borders = [&](const OraclePixel& pixel, int64_t row, int64_t col) {
    const int64_t own = at(pixel, row, col);
    if (own < 0) return false;
    if (own == kVoid) return true;
    for (const auto& [down, right] :
         {std::pair{0, 1}, {0, -1}, {1, 0}, {-1, 0}}) {
      const int64_t other = at(pixel, row + down, col + right);
      if (other >= 0 && other != own) return true;
    }
    return false;
  };
  double sum = 0;
  double total = 0;
  bool any_far = false;
  for (const auto& pixel : c.pixels) {
    bool near = false;
    for (const int64_t row : {-1, 0, 1}) {
      for (const int64_t column : {-1, 0, 1}) {
        near = near || borders(pixel, row, column);
      }
    }
    any_far = any_far || !near;
    const double weight = near ? 3 : 1;
    sum += weight * pixel.entropy();
    total += weight;
  }
  EXPECT_TRUE(any_far);
  EXPECT_NEAR(c.loss(config), sum / total, 1e-5);
}

TEST(Loss, PiecesOfABatchAddUpToTheWhole) {
  const LossCase c;
  for (const char* kind : {"cross_entropy", "focal"}) {
    const auto config = of_kind(kind);
    const auto weights = torch::tensor({1.0F, 2.0F, 3.0F, 4.0F});
    double sum = 0;
    for (const int64_t image : {0, 1}) {
      LossTarget target;
      target.labels = c.labels.narrow(0, image, 1);
      target.class_weights = weights;
      target.total = total_weight(config, c.labels, weights, {});
      target.share = 0.5;
      sum += loss_term(config, c.logits.narrow(0, image, 1), target)
                 .item<double>();
    }
    EXPECT_NEAR(sum, c.loss(config, weights), 1e-6) << kind;
  }
}

TEST(Loss, GradientsAreThoseOfDifferences) {
  for (const char* kind :
       {"cross_entropy", "focal", "dice", "jaccard", "tversky", "lovasz"}) {
    LossCase c;
    const auto config = of_kind(kind);
    LossTarget target;
    target.labels = c.labels;
    target.total = total_weight(config, c.labels, {}, {});
    loss_term(config, c.logits, target).backward();
    for (const int64_t i : {3, 60, 130}) {
      constexpr float kStep = 1e-2F;
      auto flat = c.logits.detach().view({-1});
      const float before = flat[i].item<float>();
      flat[i] = before + kStep;
      const double above = c.loss(config);
      flat[i] = before - kStep;
      const double below = c.loss(config);
      flat[i] = before;
      EXPECT_NEAR(
          c.logits.grad().contiguous().view({-1})[i].item<double>(),
          (above - below) / (2 * kStep), 2e-4
      ) << kind;
    }
  }
}

TEST(Loss, DistillationIsTheDivergenceFromTheTeacher) {
  const LossCase c;
  const auto teacher = torch::randn({2, kLossClasses, 5, 7});
  const double t = 2;
  LossTarget target;
  target.labels = c.labels;
  target.total = total_weight({}, c.labels, {}, {});
  const auto p = (teacher.to(torch::kFloat64) / t).softmax(1);
  const auto q = (c.logits.detach().to(torch::kFloat64) / t).softmax(1);
  double sum = 0;
  for (const auto& pixel : c.pixels) {
    for (int64_t k = 0; k < kLossClasses; ++k) {
      const auto pk = p[pixel.image][k][pixel.row][pixel.column].item<double>();
      const auto qk = q[pixel.image][k][pixel.row][pixel.column].item<double>();
      sum += t * t * pk * std::log(pk / qk);
    }
  }
  EXPECT_NEAR(
      distillation_loss(c.logits, teacher, target, t).item<double>(),
      sum / static_cast<double>(c.pixels.size()), 1e-5
  );
  EXPECT_NEAR(
      distillation_loss(teacher, teacher, target, t).item<double>(), 0, 1e-6
  );
}

}  // namespace
}  // namespace deeplab::engine
