// SPDX-License-Identifier: Apache-2.0
// Compares single kernels with the exact engine.
#include <algorithm>
#include <cmath>
#include <random>

#include <omp.h>

#include "deeplab/core/error.h"
#include "deeplab/crf/filters/permutohedral.h"
#include "deeplab/crf/golden.h"
#include "deeplab/crf/mean_field.h"
#include "support/support.h"

namespace deeplab::crf {
namespace {

/// Returns Q for random energies on a blank image, with a kernel over position
/// only.
std::vector<float> spatial_field(
    Engine engine, int64_t height, int64_t width, double sigma
) {
  constexpr size_t kLabels = 3;
  const auto count = static_cast<size_t>(height * width);
  const std::vector<uint8_t> pixels(count);
  std::mt19937 random(3);
  std::vector<float> energies(kLabels * count);
  for (float& energy : energies) {
    energy = static_cast<float>(random() % 200) * 0.01F;
  }
  DenseCrfOptions options;
  options.engine = engine;
  options.iterations = 3;
  options.kernels = {{2, sigma}};
  const DenseCrf crf(options, {pixels.data(), height, width, 1});
  MeanField field(crf, energies.data(), kLabels);
  field.run();
  return field.probabilities();
}

TEST(Kernels, OfPositionAloneAreTheExactOnes) {
  struct Size {
    int64_t height;
    int64_t width;
  };
  // The sizes are odd, larger than a tile, or have a single row or column.
  for (const auto& [height, width] :
       {Size{70, 83}, {31, 261}, {1, 150}, {150, 1}}) {
    for (const double sigma : {0.5, 1.0, 3.0, 7.0, 50.0}) {
      const auto lattice =
          spatial_field(Engine::kLattice, height, width, sigma);
      const auto exact = spatial_field(Engine::kExact, height, width, sigma);
      EXPECT_LT(mean_difference(lattice, exact), 2e-4)
          << height << 'x' << width << ", " << sigma;
      EXPECT_LT(largest_difference(lattice, exact), 2e-3)
          << height << 'x' << width << ", " << sigma;
    }
  }
}

TEST(Kernels, OfPositionAloneDoNotDependOnTheThreads) {
  const int before = omp_get_max_threads();
  for (const double sigma : {1.0, 7.0}) {
    omp_set_num_threads(1);
    const auto one = spatial_field(Engine::kLattice, 31, 261, sigma);
    omp_set_num_threads(3);
    EXPECT_EQ(one, spatial_field(Engine::kLattice, 31, 261, sigma)) << sigma;
  }
  omp_set_num_threads(before);
}

TEST(Kernels, OfAnUnnormalizedLatticeAreWeighedAllOverTheImage) {
  constexpr int64_t kHeight = 128;
  constexpr int64_t kWidth = 128;
  constexpr size_t kPixels = kHeight * kWidth;
  std::vector<uint8_t> pixels(kPixels);
  std::mt19937 random(5);
  for (size_t i = 0; i < kPixels; ++i) {
    // Every 16th column is blank, so that sampling at a constant step would hit
    // only blank pixels. The other pixels are noise, so that most are alone in
    // their cells of the lattice.
    pixels[i] = i % 16 == 0 ? 0 : static_cast<uint8_t>(random() % 256);
  }
  const auto mean_of = [&](Engine engine) {
    DenseCrfOptions options;
    options.engine = engine;
    options.normalization = Normalization::kNone;
    options.iterations = 1;
    options.kernels = {{1e-3, 20, 5}};
    const DenseCrf crf(options, {pixels.data(), kHeight, kWidth, 1});
    std::vector<float> energies(2 * kPixels, 1);
    std::fill_n(energies.begin(), kPixels, 0.0F);
    MeanField field(crf, energies.data(), 2);
    field.run();
    const auto q = field.probabilities();
    // Mean change of the difference between the two logits, which is 1 without
    // the kernel.
    double sum = 0;
    for (size_t i = 0; i < kPixels; ++i) {
      sum += std::log(static_cast<double>(q[i] / q[kPixels + i])) - 1;
    }
    return sum / static_cast<double>(kPixels);
  };
  const double exact = mean_of(Engine::kExact);
  EXPECT_NEAR(mean_of(Engine::kLattice), exact, 0.05 * exact);
}

TEST(Lattice, RefusesWhatItCannotNumber) {
  const auto refusal = [](const Features& features) {
    return testing::message_of<ConfigError>([&] {
      const PermutohedralLattice lattice(features);
    });
  };
  EXPECT_EQ(
      refusal({1, 16, std::vector<float>(16)}),
      "a kernel has 16 features; the lattice supports 1 to 15"
  );
  EXPECT_EQ(
      refusal({400000000, 5, {}}),
      "an image of 400000000 pixels is too large for the lattice"
  );
  EXPECT_EQ(
      refusal({2, 3, {0, 0, 0, 1e15F, 1e15F, 1e15F}}),
      "a kernel's standard deviations are too small for the size of the image; "
      "the lattice would have too many vertices"
  );
}

}  // namespace
}  // namespace deeplab::crf
