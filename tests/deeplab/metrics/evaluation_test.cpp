// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/evaluation.h"

#include <cmath>

#include <fmt/core.h>
#include <torch/torch.h>

#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/metrics/bootstrap.h"
#include "support/support.h"

namespace deeplab::metrics {
namespace {

constexpr int64_t kBlobClasses = 4;

/// Returns blobs of labels instead of noise, so that regions have an interior.
/// With `with_void`, a tenth is void.
torch::Tensor blobs(int64_t height, int64_t width, bool with_void) {
  const auto coarse =
      torch::rand({1, kBlobClasses, height / 5 + 1, width / 5 + 1});
  const auto fine = torch::upsample_bilinear2d(coarse, {height, width}, false);
  auto labels = fine.squeeze(0).argmax(0);
  if (with_void) labels.masked_fill_(torch::rand({height, width}) < 0.1, kVoid);
  return labels;
}

int64_t diagonal_share(const torch::Tensor& labels, double share) {
  const auto height = static_cast<double>(labels.size(0));
  const auto width = static_cast<double>(labels.size(1));
  return std::max<int64_t>(
      1, std::llround(share * std::sqrt(height * height + width * width))
  );
}

/// Returns whether a pixel of the map is within `reach` of another class or of
/// the edge.
bool in_band(
    const torch::TensorAccessor<int64_t, 2>& map,
    int64_t row,
    int64_t column,
    int64_t reach
) {
  for (int64_t y = row - reach; y <= row + reach; ++y) {
    for (int64_t x = column - reach; x <= column + reach; ++x) {
      if (y < 0 || x < 0 || y >= map.size(0) || x >= map.size(1)) return true;
      if (map[y][x] != kVoid && map[y][x] != map[row][column]) return true;
    }
  }
  return false;
}

bool on_contour(
    const torch::TensorAccessor<int64_t, 2>& map, int64_t row, int64_t column
) {
  for (const auto& [dy, dx] : std::vector<std::pair<int64_t, int64_t>>{
           {0, 1}, {1, 0}, {0, -1}, {-1, 0}}) {
    const int64_t y = row + dy;
    const int64_t x = column + dx;
    if (y < 0 || x < 0 || y >= map.size(0) || x >= map.size(1)) continue;
    if (map[y][x] != kVoid && map[y][x] != map[row][column]) return true;
  }
  return false;
}

/// Replaces void by the class of the nearest pixel; among equally near classes,
/// by the lowest.
torch::Tensor fill_void(const torch::Tensor& labels) {
  auto filled = labels.clone();
  const auto from = labels.accessor<int64_t, 2>();
  auto to = filled.accessor<int64_t, 2>();
  for (int64_t y = 0; y < labels.size(0); ++y) {
    for (int64_t x = 0; x < labels.size(1); ++x) {
      std::pair<int64_t, int64_t> nearest{1'000'000, kVoid};
      for (int64_t v = 0; v < labels.size(0); ++v) {
        for (int64_t u = 0; u < labels.size(1); ++u) {
          if (from[v][u] == kVoid) continue;
          nearest = std::min(
              nearest, {std::abs(v - y) + std::abs(u - x), from[v][u]}
          );
        }
      }
      to[y][x] = nearest.second;
    }
  }
  return filled;
}

/// Counts boundaries pixel by pixel and pair by pair, as in the definitions.
std::vector<BoundaryCounts> slow_boundaries(
    const torch::Tensor& labels, const torch::Tensor& prediction
) {
  const auto guesses = prediction.masked_fill(labels.eq(kVoid), kVoid);
  const auto truth = labels.accessor<int64_t, 2>();
  const auto guess = guesses.accessor<int64_t, 2>();
  const auto band = diagonal_share(labels, 0.02);
  const auto near = diagonal_share(labels, 0.0075);
  const auto filled_labels = fill_void(labels);
  const auto filled = filled_labels.accessor<int64_t, 2>();
  const auto plain = prediction.accessor<int64_t, 2>();
  std::vector<BoundaryCounts> counts(kBlobClasses);
  const auto is_near = [&](const auto& map, int64_t y, int64_t x, int64_t k) {
    for (int64_t v = 0; v < map.size(0); ++v) {
      for (int64_t u = 0; u < map.size(1); ++u) {
        if ((v - y) * (v - y) + (u - x) * (u - x) <= near * near &&
            map[v][u] == k && on_contour(map, v, u)) {
          return true;
        }
      }
    }
    return false;
  };
  for (int64_t k = 0; k < kBlobClasses; ++k) {
    auto& own = counts[static_cast<size_t>(k)];
    for (int64_t y = 0; y < truth.size(0); ++y) {
      for (int64_t x = 0; x < truth.size(1); ++x) {
        const bool a = truth[y][x] == k && in_band(truth, y, x, band);
        const bool b = guess[y][x] == k && in_band(guess, y, x, band);
        own.band_both += a && b ? 1 : 0;
        own.band_either += a || b ? 1 : 0;
        if (filled[y][x] == k && on_contour(filled, y, x)) {
          ++own.true_contour;
          own.true_contour_found += is_near(plain, y, x, k) ? 1 : 0;
        }
        if (plain[y][x] == k && on_contour(plain, y, x)) {
          const bool right = is_near(filled, y, x, k);
          const bool sure = guess[y][x] == k && on_contour(guess, y, x);
          if (!sure && !right) continue;
          ++own.predicted_contour;
          own.predicted_contour_right += right ? 1 : 0;
        }
      }
    }
  }
  return counts;
}

std::vector<int64_t> numbers(const BoundaryCounts& counts) {
  return {counts.band_both,         counts.band_either,
          counts.true_contour,      counts.true_contour_found,
          counts.predicted_contour, counts.predicted_contour_right};
}

void expect_slow_counts(
    const torch::Tensor& labels, const torch::Tensor& prediction
) {
  const auto fast = count_boundaries(labels, prediction, kBlobClasses);
  const auto slow = slow_boundaries(labels, prediction);
  for (size_t k = 0; k < slow.size(); ++k) {
    EXPECT_EQ(numbers(fast[k]), numbers(slow[k])) << "class " << k;
  }
}

TEST(Boundaries, EqualTheirDefinitionOnRandomMaps) {
  torch::manual_seed(5);
  for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 1}, {1, 9}, {7, 1}, {23, 31}, {60, 47}, {90, 130}}) {
    for (const bool with_void : {false, true}) {
      SCOPED_TRACE(fmt::format("{}x{} void {}", height, width, with_void));
      expect_slow_counts(
          blobs(height, width, with_void), blobs(height, width, false)
      );
    }
  }
}

TEST(Boundaries, EqualTheirDefinitionOnMapsOfOneClassAndOfVoid) {
  const auto one = torch::full({20, 30}, 2, torch::kInt64);
  const auto none = torch::full({20, 30}, kVoid, torch::kInt64);
  expect_slow_counts(one, one);
  expect_slow_counts(one, torch::zeros_like(one));
  expect_slow_counts(none, one);
}

TEST(Boundaries, OfAShiftedSquareCountAsByHand) {
  // The image's diagonal is 99 pixels, so bands are 2 pixels wide, and a
  // contour counts as found within 1 pixel.
  auto truth = torch::zeros({70, 70}, torch::kInt64);
  truth.slice(0, 20, 30).slice(1, 20, 30).fill_(1);
  auto guess = torch::zeros({70, 70}, torch::kInt64);
  guess.slice(0, 20, 30).slice(1, 22, 32).fill_(1);
  const auto counts = count_boundaries(truth, guess, 2)[1];
  // Each band is a ring two pixels wide, with 100 - 36 pixels. The rings share
  // the two upper and the two lower rows where the squares overlap (8 pixels
  // wide). Their vertical sides do not overlap, because the squares are 2
  // columns apart.
  EXPECT_EQ(counts.band_both, 2 * 2 * 8);
  EXPECT_EQ(counts.band_either, 64 + 64 - 32);
  EXPECT_EQ(counts.true_contour, 36);
  // Found pixels of the true contour are, in the top and bottom rows, those
  // from the guess's left side on and one pixel before it, and on the right
  // side the pixels next to these rows.
  EXPECT_EQ(counts.true_contour_found, 2 * 9 + 2);
}

TEST(Boundaries, OfAnObjectRingedWithVoidHaveAContour) {
  auto truth = torch::zeros({70, 70}, torch::kInt64);
  truth.slice(0, 18, 32).slice(1, 18, 32).fill_(kVoid);
  truth.slice(0, 20, 30).slice(1, 20, 30).fill_(1);
  auto guess = torch::zeros({70, 70}, torch::kInt64);
  guess.slice(0, 19, 31).slice(1, 19, 31).fill_(1);
  const auto near = count_boundaries(truth, guess, 2)[1];
  EXPECT_EQ(near.predicted_contour_right, near.predicted_contour);
  EXPECT_EQ(near.true_contour_found, near.true_contour);
  EXPECT_GT(near.true_contour, 30);
  // An object that only one of the two maps contains still counts as missed or
  // false.
  const auto none = count_boundaries(truth, torch::zeros_like(guess), 2)[1];
  EXPECT_EQ(none.true_contour_found, 0);
  EXPECT_EQ(none.predicted_contour, 0);
}

struct Image {
  std::string name;
  torch::Tensor labels;
  torch::Tensor prediction;
};

/// Returns images of several sizes, of which one is entirely void and one has a
/// single class.
std::vector<Image> some_images() {
  torch::manual_seed(11);
  std::vector<Image> images;
  for (int64_t i = 0; i < 6; ++i) {
    images.push_back(
        {fmt::format("image {}", i), blobs(40 + 3 * i, 50, true),
         blobs(40 + 3 * i, 50, false)}
    );
  }
  images.push_back(
      {"void", torch::full({9, 9}, kVoid, torch::kInt64),
       torch::zeros({9, 9}, torch::kInt64)}
  );
  images.push_back(
      {"flat", torch::ones({9, 9}, torch::kInt64),
       torch::ones({9, 9}, torch::kInt64)}
  );
  return images;
}

Evaluation evaluation_of(const std::vector<Image>& images) {
  Evaluation evaluation({kBlobClasses, {1, 3}, true});
  for (const auto& image : images) {
    evaluation.add(image.name, image.labels, image.prediction);
  }
  return evaluation;
}

std::vector<double> all_scores(const Evaluation& evaluation) {
  const auto scores = evaluation.scores();
  const auto details = evaluation.details();
  std::vector<double> all{
      scores.mean_iou, scores.pixel_accuracy, details.mean_boundary_iou,
      details.mean_boundary_f};
  for (const auto& [width, iou] : evaluation.trimap()) all.push_back(iou);
  for (const auto& found : details.found_by_size) {
    all.push_back(found.value_or(-1));
  }
  for (const auto& value : details.class_boundary_f) {
    all.push_back(value.value_or(-1));
  }
  return all;
}

TEST(Evaluation, PartsMergedInAnyOrderGiveTheSameBits) {
  const auto images = some_images();
  const auto whole = all_scores(evaluation_of(images));
  for (size_t cut = 0; cut <= images.size(); ++cut) {
    const auto middle = images.begin() + static_cast<int64_t>(cut);
    const std::vector<Image> front(images.begin(), middle);
    std::vector<Image> back(middle, images.end());
    std::reverse(back.begin(), back.end());
    auto merged = evaluation_of(back);
    auto from_text = merged;
    merged.merge(evaluation_of(front));
    EXPECT_EQ(all_scores(merged), whole) << "cut at " << cut;
    from_text.merge_text(evaluation_of(front).to_text());
    EXPECT_EQ(all_scores(from_text), whole) << "cut at " << cut;
  }
}

TEST(Evaluation, ImagesAddUpToTheConfusionMatrix) {
  const auto evaluation = evaluation_of(some_images());
  ImageCounts sum;
  for (const auto& [name, counts] : evaluation.images()) add_to(sum, counts);
  EXPECT_DOUBLE_EQ(mean_iou(sum), evaluation.scores().mean_iou);
}

TEST(Evaluation, APerfectPredictionScoresOneEverywhere) {
  auto images = some_images();
  for (auto& image : images) {
    image.prediction = fill_void(image.labels).clamp_max(kBlobClasses - 1);
  }
  for (const auto score : all_scores(evaluation_of(images))) {
    EXPECT_TRUE(score == 1 || score == -1) << score;
  }
}

TEST(Evaluation, BoundaryFIsTheMeanOverImages) {
  // One image is entirely right and one entirely wrong, so each class scores
  // 1/2.
  auto half = torch::zeros({40, 40}, torch::kInt64);
  half.slice(1, 20, 40).fill_(1);
  Evaluation evaluation({2, {}, true});
  evaluation.add("right", half, half);
  evaluation.add("wrong", half, torch::zeros_like(half));
  const auto details = evaluation.details();
  EXPECT_DOUBLE_EQ(*details.class_boundary_f[0], 0.5);
  EXPECT_DOUBLE_EQ(*details.class_boundary_f[1], 0.5);
}

TEST(Evaluation, RefusesAnImageTwice) {
  const auto images = some_images();
  auto evaluation = evaluation_of(images);
  EXPECT_THROW(
      evaluation.add("flat", images[0].labels, images[0].prediction), Error
  );
  EXPECT_THROW(evaluation.merge(evaluation_of({images[0]})), Error);
}

/// Returns counts of images, given the percentage of right pixels in each.
std::map<std::string, ImageCounts> shares(const std::vector<int64_t>& right) {
  std::map<std::string, ImageCounts> images;
  for (size_t i = 0; i < right.size(); ++i) {
    ClassCounts counts;
    counts.right = right[i];
    counts.in_truth = 100;
    counts.in_prediction = right[i];
    images[fmt::format("image {}", i)] = {counts};
  }
  return images;
}

TEST(Bootstrap, IsClearWhereEachImageGainsAndNotWhereTheyDisagree) {
  const auto low = shares({50, 60, 40, 55, 52, 61, 47, 58});
  const auto high = shares({55, 64, 47, 60, 58, 65, 52, 63});
  const auto gain = compare(low, high, 500, 7);
  EXPECT_NEAR(gain.difference, 41.0 / 800, 1e-12);
  EXPECT_TRUE(gain.is_clear());
  EXPECT_LT(gain.low, gain.difference);
  EXPECT_GT(gain.high, gain.difference);
  // The gain of each image is between 4 and 7 %, so each mean of them is too.
  EXPECT_GE(gain.low, 0.04);
  EXPECT_LE(gain.high, 0.07);
  const auto mixed = shares({30, 80, 25, 75, 40, 70, 50, 61});
  EXPECT_FALSE(compare(low, mixed, 500, 7).is_clear());
}

TEST(Bootstrap, IsTheSameForTheSameSeedAndMirroredForSwappedResults) {
  const auto one = shares({50, 60, 40, 70});
  const auto other = shares({55, 50, 60, 71});
  const auto there = compare(one, other, 200, 3);
  const auto again = compare(one, other, 200, 3);
  const auto back = compare(other, one, 200, 3);
  EXPECT_EQ(there.low, again.low);
  EXPECT_DOUBLE_EQ(there.difference, -back.difference);
  EXPECT_NEAR(there.low, -back.high, 1e-12);
}

TEST(Bootstrap, RefusesOtherImages) {
  auto other = shares({1, 2});
  other["else"] = other["image 1"];
  other.erase("image 1");
  EXPECT_THROW(compare(shares({1, 2}), other, 10, 0), Error);
  EXPECT_THROW(compare({}, {}, 10, 0), Error);
}

}  // namespace
}  // namespace deeplab::metrics
