// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/kernels/simplex.h"

#include <cmath>
#include <numeric>
#include <random>

#include "support/support.h"

namespace deeplab::crf {
namespace {

/// Returns the corners of the simplex around point p, ordered by remainder.
std::vector<std::vector<double>> corners_of(
    const Simplices& simplices, size_t axes, size_t p
) {
  std::vector<double> corner(axes);
  for (size_t i = 0; i < axes; ++i) {
    corner[i] = static_cast<double>(simplices.base[i][p]);
  }
  std::vector<std::vector<double>> corners;
  for (size_t k = 0; k < axes; ++k) {
    corners.push_back(corner);
    for (double& coordinate : corner) coordinate += 1;
    corner[simplices.falls[k][p]] -= static_cast<double>(axes);
  }
  return corners;
}

class Dimensions : public ::testing::TestWithParam<size_t> {};

TEST_P(Dimensions, PointsLieWhereTheirCornersAndWeightsSay) {
  const size_t axes = GetParam() + 1;
  Features features;
  features.dimensions = GetParam();
  // The last block of points is not full.
  features.count = 5 * kPoints + 3;
  std::mt19937 random(1);
  std::uniform_real_distribution<float> anywhere(-40, 40);
  for (size_t i = 0; i < features.count * features.dimensions; ++i) {
    // Some points are on a border between simplices.
    features.values.push_back(i % 7 == 0 ? 0 : anywhere(random));
  }
  OfPoints<double> elevated;
  Simplices simplices;
  for (size_t point = 0; point < features.count; ++point) {
    const size_t p = point % kPoints;
    if (p == 0) {
      elevate(features, point, elevated);
      find_simplices(features, point, simplices);
    }
    const auto corners = corners_of(simplices, axes, p);
    std::vector<double> place(axes);
    double whole = 0;
    for (size_t k = 0; k < axes; ++k) {
      const auto weight = static_cast<double>(simplices.weights[k][p]);
      EXPECT_GE(weight, 0);
      whole += weight;
      const auto& corner = corners[k];
      EXPECT_EQ(std::accumulate(corner.begin(), corner.end(), 0.0), 0);
      for (size_t i = 0; i < axes; ++i) {
        const double steps =
            (corner[i] - static_cast<double>(k)) / static_cast<double>(axes);
        EXPECT_EQ(steps, std::round(steps)) << "coordinate " << corner[i];
        place[i] += weight * corner[i];
      }
    }
    EXPECT_NEAR(whole, 1, 1e-6);
    for (size_t i = 0; i < axes; ++i) {
      EXPECT_NEAR(place[i], elevated[i][p], 1e-4) << "point " << point;
    }
  }
}

TEST_P(Dimensions, KeepDistances) {
  const size_t axes = GetParam() + 1;
  Features features;
  features.dimensions = GetParam();
  features.count = 2;
  std::mt19937 random(2);
  std::uniform_real_distribution<float> anywhere(-5, 5);
  double square = 0;
  for (size_t i = 0; i < features.dimensions; ++i) {
    features.values.push_back(anywhere(random));
  }
  for (size_t i = 0; i < features.dimensions; ++i) {
    features.values.push_back(anywhere(random));
    const double apart =
        features.values[i] - features.values[i + features.dimensions];
    square += apart * apart;
  }
  OfPoints<double> elevated;
  elevate(features, 0, elevated);
  double raised = 0;
  for (size_t i = 0; i < axes; ++i) {
    const double apart = elevated[i][0] - elevated[i][1];
    raised += apart * apart;
  }
  // In the lattice's space, a standard deviation has the length (d + 1) sqrt(2
  // / 3).
  const auto spread = static_cast<double>(axes * axes) * 2 / 3;
  EXPECT_NEAR(raised / spread, square, 1e-4 * square);
}

INSTANTIATE_TEST_SUITE_P(
    All, Dimensions, ::testing::Range<size_t>(1, kMostDimensions + 1)
);

}  // namespace
}  // namespace deeplab::crf
