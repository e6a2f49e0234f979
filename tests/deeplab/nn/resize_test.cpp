// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/resize.h"

#include <algorithm>
#include <cmath>

#include <torch/torch.h>

#include "deeplab/nn/matrix_resize.h"
#include "support/support.h"

namespace deeplab::nn {
namespace {

torch::Tensor of_size(int64_t height, int64_t width) {
  return torch::empty({1, 1, height, width});
}

TEST(Resize, ByProductsEqualsTorchsWithItsGradients) {
  torch::manual_seed(1);
  for (const bool corners : {false, true}) {
    const auto positions = corners ? corner_positions : edge_positions;
    for (const auto& [height, width] :
         {std::pair{13, 17}, {5, 4}, {1, 1}, {9, 7}, {3, 20}}) {
      const auto source = torch::randn({2, 3, 5, 7});
      auto ours = source.clone().requires_grad_();
      auto theirs = source.clone().requires_grad_();
      const auto resized = resize_with_matrices(
          ours, of_size(height, width), positions(5, height),
          positions(7, width)
      );
      const auto expected =
          at::upsample_bilinear2d(theirs, {height, width}, corners);
      ASSERT_EQ(resized.sizes(), expected.sizes());
      EXPECT_TRUE(torch::allclose(resized, expected, 1e-5, 1e-6));
      const auto gradient = torch::randn(expected.sizes());
      resized.backward(gradient);
      expected.backward(gradient);
      EXPECT_TRUE(torch::allclose(ours.grad(), theirs.grad(), 1e-5, 1e-6));
    }
  }
}

/// Reads a line of values at a place between two of them, or at the nearest.
double read_at(const torch::Tensor& line, double place) {
  const auto last = static_cast<double>(line.size(0) - 1);
  place = std::clamp(place, 0.0, last);
  const auto before = static_cast<int64_t>(place);
  const auto after = std::min(before + 1, line.size(0) - 1);
  const double share = place - static_cast<double>(before);
  return (1 - share) * line[before].item<double>() +
         share * line[after].item<double>();
}

/// Pixel k of the result looks at to.first + k * to.step, where it reads the
/// features, which look at from.first + k * from.step.
torch::Tensor centres_by_hand(
    const torch::Tensor& line,
    int64_t length,
    const FeatureGrid& from,
    const FeatureGrid& to
) {
  auto result = torch::zeros({length}, torch::kFloat64);
  for (int64_t k = 0; k < length; ++k) {
    const double pixel = to.first + static_cast<double>(k) * to.step;
    result[k] = read_at(line, (pixel - from.first) / from.step);
  }
  return result;
}

struct Grids {
  FeatureGrid from;
  FeatureGrid to;
};

/// Whole factors with features at 0, in the middle of their cells, and further
/// off on either side; fractions; and what only products can do.
const std::vector<Grids> kGrids{
    {{0, 16}, {0, 1}},      {{7.5, 16}, {0, 1}},       {{15.5, 16}, {0, 1}},
    {{0, 16}, {0, 4}},      {{15.5, 16}, {1.5, 4}},    {{-16, 8}, {0, 1}},
    {{31.5, 8}, {3.5, 8}},  {{0, 16 / 0.75}, {0, 16}}, {{0, 1}, {0, 1 / 0.7}},
    {{0, 1}, {0, 1 / 1.5}}, {{0.25, 5}, {0, 1}},
};

TEST(Resize, CentresReadsEachPixelWhereItsFeaturesLook) {
  torch::manual_seed(2);
  for (const auto& [from, to] : kGrids) {
    for (const int64_t length : {1, 2, 15, 31, 32, 33, 47}) {
      // As many features as look at the image.
      const double pixels =
          static_cast<double>(length - 1) * to.step + to.first;
      const auto count =
          std::max<int64_t>(1, static_cast<int64_t>(pixels / from.step) + 1);
      const auto column = torch::randn({count}, torch::kFloat64);
      const auto row = torch::randn({count + 2}, torch::kFloat64);
      const auto map = (column.unsqueeze(1) * row).unsqueeze(0).unsqueeze(0);
      const auto resized = resize_like(
          map, of_size(length, length + 3), {Alignment::kCentres, from, to}
      );
      const auto expected =
          centres_by_hand(column, length, from, to).unsqueeze(1) *
          centres_by_hand(row, length + 3, from, to);
      ASSERT_EQ(resized.size(2), length);
      ASSERT_EQ(resized.size(3), length + 3);
      EXPECT_TRUE(torch::allclose(resized[0][0], expected, 1e-6, 1e-7))
          << from.first << " + " << from.step << " k onto " << to.first << " + "
          << to.step << " k, length " << length;
    }
  }
}

TEST(Resize, CentresIsCornersForSidesOfAMultiplePlusOne) {
  const auto map = torch::randn({1, 2, 5, 4});
  const auto like = of_size(65, 49);
  const Grids grids{{0, 16}, {0, 1}};
  EXPECT_TRUE(torch::equal(
      resize_like(map, like, {Alignment::kCentres, grids.from, grids.to}),
      resize_like(map, like, {Alignment::kCorners, grids.from, grids.to})
  ));
}

TEST(Resize, CentresCutsOrRepeatsTheEndsOfMapsThatLookAtTheSame) {
  const auto map = torch::arange(0, 5, torch::kFloat64).expand({1, 1, 5, 5});
  const Resampling same{Alignment::kCentres, {0, 8}, {0, 8}};
  const auto row = [&](int64_t side) {
    const auto resized = resize_like(map, of_size(side, side), same);
    EXPECT_EQ(resized.size(2), side);
    return resized[0][0][0];
  };
  EXPECT_TRUE(torch::equal(row(3), torch::arange(0, 3, torch::kFloat64)));
  EXPECT_TRUE(torch::equal(
      row(7), torch::tensor({0, 1, 2, 3, 4, 4, 4}, torch::kFloat64)
  ));
}

class AnyType : public ::testing::TestWithParam<torch::ScalarType> {};
INSTANTIATE_TEST_SUITE_P(
    Resize, AnyType, ::testing::Values(torch::kFloat32, torch::kBFloat16)
);

TEST_P(AnyType, CentresKeepsTypeAndMemoryFormat) {
  const auto map = torch::randn({2, 8, 5, 4})
                       .to(GetParam())
                       .contiguous(torch::MemoryFormat::ChannelsLast);
  for (const double first : {0.0, 1.5}) {
    const auto resized = resize_like(
        map, of_size(20, 14), {Alignment::kCentres, {first, 4}, {0, 1}}
    );
    EXPECT_EQ(resized.scalar_type(), GetParam());
    EXPECT_EQ(resized.stride(1), 1);
  }
}

/// Each pixel is a mean of features with weights that add up to 1, so that the
/// gradients of the sum of all pixels add up to the number of pixels.
TEST(Resize, GradientsOfCentresAddUpToThePixels) {
  const auto map = torch::randn({2, 3, 5, 4}, torch::kFloat64).requires_grad_();
  for (const auto& [from, to] : kGrids) {
    map.mutable_grad() = torch::Tensor();
    const auto resized =
        resize_like(map, of_size(20, 14), {Alignment::kCentres, from, to});
    resized.sum().backward();
    EXPECT_NEAR(
        map.grad().sum().item<double>(), static_cast<double>(resized.numel()),
        1e-3
    );
  }
}

TEST(Rescale, CentresKeepsThePlacesOfPixels) {
  const auto ramp =
      torch::arange(0, 23, torch::kFloat64).expand({1, 1, 9, 23}).contiguous();
  for (const double factor : {0.5, 0.75, 1.25, 1.75, 0.3, M_PI / 3}) {
    const auto scaled = rescale(ramp, factor, Alignment::kCentres);
    EXPECT_EQ(scaled.size(2), static_cast<int64_t>(8 * factor) + 1);
    ASSERT_EQ(scaled.size(3), static_cast<int64_t>(22 * factor) + 1);
    const auto places =
        torch::arange(0, scaled.size(3), torch::kFloat64) / factor;
    EXPECT_TRUE(torch::allclose(scaled[0][0][0], places, 1e-6, 1e-6)) << factor;
  }
}

TEST(Resize, MeansOfBinsByProductsEqualTorchsWithTheirGradients) {
  torch::manual_seed(1);
  for (const int64_t bins : {1, 2, 3, 6}) {
    const auto source = torch::randn({2, 3, 8, 5});
    auto ours = source.clone().requires_grad_();
    auto theirs = source.clone().requires_grad_();
    const auto means = mean_bins_with_matrices(ours, bins);
    const auto expected = at::adaptive_avg_pool2d(theirs, {bins, bins});
    EXPECT_TRUE(torch::allclose(means, expected, 1e-5, 1e-6)) << bins;
    const auto gradient = torch::randn(expected.sizes());
    means.backward(gradient);
    expected.backward(gradient);
    EXPECT_TRUE(torch::allclose(ours.grad(), theirs.grad(), 1e-5, 1e-6))
        << bins;
  }
}

}  // namespace
}  // namespace deeplab::nn
