// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <random>

#include <omp.h>

#include "deeplab/core/error.h"
#include "deeplab/crf/energies.h"
#include "deeplab/crf/golden.h"
#include "deeplab/crf/mean_field.h"
#include "support/support.h"

namespace deeplab::crf {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

/// A small scene with two flat, noisy regions, and uncertain unary energies.
struct Scene {
  static constexpr int64_t kHeight = 20;
  static constexpr int64_t kWidth = 27;
  static constexpr size_t kPixels = 20 * 27;
  static constexpr size_t kLabels = 3;

  std::vector<uint8_t> pixels;
  std::vector<float> energies;

  Scene() {
    std::mt19937 random(7);
    const auto below = [&](uint32_t bound) { return random() % bound; };
    energies.resize(kLabels * kPixels);
    for (size_t i = 0; i < kPixels; ++i) {
      const bool right = i % kWidth > 13;
      for (int c = 0; c < 3; ++c) {
        pixels.push_back(static_cast<uint8_t>((right ? 180 : 60) + below(12)));
      }
      for (size_t l = 0; l < kLabels; ++l) {
        const bool true_label = l == (right ? 1U : 0U);
        energies[l * kPixels + i] =
            (true_label ? 0.8F : 1.3F) + static_cast<float>(below(100)) * 0.01F;
      }
    }
  }
  Image image() const { return {pixels.data(), kHeight, kWidth, 3}; }

  std::vector<float> run(const DenseCrfOptions& options) const {
    const DenseCrf crf(options, image());
    MeanField field(crf, energies.data(), kLabels);
    field.run();
    return field.probabilities();
  }
};

DenseCrfOptions options_for_scene(Engine engine) {
  DenseCrfOptions options;
  options.engine = engine;
  options.iterations = 5;
  options.kernels = {{4, 12, 15}, {3, 2}};
  return options;
}

class AnyEngine : public ::testing::TestWithParam<Engine> {};

INSTANTIATE_TEST_SUITE_P(
    All,
    AnyEngine,
    ::testing::Values(Engine::kLattice, Engine::kExact),
    [](const auto& tested) {
      return tested.param == Engine::kLattice ? "lattice" : "exact";
    }
);

TEST_P(AnyEngine, GivesProbabilities) {
  const auto q = Scene().run(options_for_scene(GetParam()));
  for (size_t i = 0; i < Scene::kPixels; ++i) {
    double sum = 0;
    for (size_t l = 0; l < Scene::kLabels; ++l) {
      const float p = q[l * Scene::kPixels + i];
      EXPECT_TRUE(p >= 0 && p <= 1);
      sum += static_cast<double>(p);
    }
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

TEST_P(AnyEngine, WeightsOfZeroGiveTheSoftmax) {
  auto options = options_for_scene(GetParam());
  for (auto& kernel : options.kernels) kernel.weight = 0;
  const Scene scene;
  const auto q = scene.run(options);
  std::vector<float> energies(q.size());
  energies_of_probabilities(
      q.data(), Scene::kLabels, Scene::kPixels, energies.data()
  );
  for (size_t i = 0; i < Scene::kPixels; ++i) {
    // The energies are equal up to a constant for each pixel.
    const float shift = energies[i] - scene.energies[i];
    EXPECT_NEAR(
        energies[Scene::kPixels + i] - scene.energies[Scene::kPixels + i],
        shift, 1e-4
    );
  }
}

TEST_P(AnyEngine, PermutedLabelsPermuteTheResult) {
  const auto options = options_for_scene(GetParam());
  Scene scene;
  const auto q = scene.run(options);
  std::rotate(
      scene.energies.begin(), scene.energies.begin() + Scene::kPixels,
      scene.energies.end()
  );
  auto rotated = scene.run(options);
  std::rotate(rotated.begin(), rotated.end() - Scene::kPixels, rotated.end());
  EXPECT_LT(largest_difference(q, rotated), 1e-5);
}

template <class Value>
void flip_rows(std::vector<Value>& values, size_t together) {
  const size_t row = static_cast<size_t>(Scene::kWidth) * together;
  for (size_t at = 0; at < values.size(); at += row) {
    for (size_t left = 0, right = Scene::kWidth - 1; left < right;
         ++left, --right) {
      std::swap_ranges(
          values.begin() + static_cast<int64_t>(at + left * together),
          values.begin() + static_cast<int64_t>(at + (left + 1) * together),
          values.begin() + static_cast<int64_t>(at + right * together)
      );
    }
  }
}

TEST_P(AnyEngine, AFlippedSceneFlipsTheResult) {
  const auto options = options_for_scene(GetParam());
  Scene scene;
  const auto q = scene.run(options);
  flip_rows(scene.pixels, 3);
  flip_rows(scene.energies, 1);
  auto flipped = scene.run(options);
  flip_rows(flipped, 1);
  // In a flipped scene, the lattice's cells are at other positions.
  const double most = GetParam() == Engine::kExact ? 1e-5 : 2e-2;
  EXPECT_LT(mean_difference(q, flipped), most);
}

TEST_P(AnyEngine, TheSameBitsForAnyNumberOfThreads) {
  const auto options = options_for_scene(GetParam());
  const Scene scene;
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const auto one = scene.run(options);
  omp_set_num_threads(3);
  const auto three = scene.run(options);
  // OpenMP provides fewer threads than requested.
  const int levels = omp_get_max_active_levels();
  omp_set_max_active_levels(0);
  const auto refused = scene.run(options);
  omp_set_max_active_levels(levels);
  omp_set_num_threads(before);
  EXPECT_EQ(one, three);
  EXPECT_EQ(one, refused);
}

TEST_P(AnyEngine, ADiagonalOfOnesAndAnIdentityArePotts) {
  auto options = options_for_scene(GetParam());
  const Scene scene;
  const auto potts = scene.run(options);
  for (auto& kernel : options.kernels) kernel.compatibility = {1, 1, 1};
  EXPECT_LT(largest_difference(potts, scene.run(options)), 1e-5);
  for (auto& kernel : options.kernels) {
    kernel.compatibility = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  }
  EXPECT_LT(largest_difference(potts, scene.run(options)), 1e-5);
}

TEST_P(AnyEngine, MeanFieldLowersTheKlDivergence) {
  const auto options = options_for_scene(GetParam());
  const Scene scene;
  const DenseCrf crf(options, scene.image());
  MeanField field(crf, scene.energies.data(), Scene::kLabels);
  double last = field.kl_divergence();
  double last_energy = field.map_energy();
  for (int i = 0; i < 5; ++i) {
    field.step();
    const double now = field.kl_divergence();
    const double energy = field.map_energy();
    EXPECT_LT(now, last + 1e-3) << i;
    EXPECT_LT(energy, last_energy + 1e-3) << i;
    last = now;
    last_energy = energy;
  }
}

TEST_P(AnyEngine, AOnePixelImageAndAConstantOneAreFine) {
  auto options = options_for_scene(GetParam());
  const std::vector<uint8_t> pixel{1, 2, 3};
  const DenseCrf one(options, {pixel.data(), 1, 1, 3});
  const std::vector<float> energies{0.5F, 1.0F};
  MeanField field(one, energies.data(), 2);
  field.run();
  EXPECT_EQ(field.labels(), std::vector<uint8_t>{0});

  Scene scene;
  std::fill(scene.pixels.begin(), scene.pixels.end(), uint8_t{7});
  const auto q = scene.run(options);
  for (const float p : q) EXPECT_TRUE(p >= 0 && p <= 1);
}

TEST_P(AnyEngine, OnAConstantImageColourDoesNotMatter) {
  Scene scene;
  std::fill(scene.pixels.begin(), scene.pixels.end(), uint8_t{7});
  auto options = options_for_scene(GetParam());
  options.kernels = {{4, 3, 15}};
  const auto with_color = scene.run(options);
  options.kernels = {{4, 3}};
  const auto without = scene.run(options);
  // Only kernels with colour use the lattice; kernels over position are exact.
  const double most = GetParam() == Engine::kExact ? 1e-6 : 0.05;
  EXPECT_LT(mean_difference(with_color, without), most);
}

TEST_P(AnyEngine, AnySigmaGivesFiniteProbabilities) {
  const Scene scene;
  for (const double sigma : {1e-3, 0.1, 1.0, 100.0, 1e4}) {
    auto options = options_for_scene(GetParam());
    options.kernels = {{4, sigma, sigma}, {4, 5, sigma}, {3, sigma}};
    for (const float p : scene.run(options)) {
      ASSERT_TRUE(p >= 0 && p <= 1) << sigma;
    }
  }
}

TEST(DenseCrf, DropsLabelsThatNobodyPredicts) {
  auto options = options_for_scene(Engine::kLattice);
  Scene scene;
  // Twelve more labels are added, all of them very unlikely.
  constexpr size_t kLabels = 15;
  scene.energies.resize(kLabels * Scene::kPixels, 11.0F);
  const auto run = [&] {
    const DenseCrf crf(options, scene.image());
    MeanField field(crf, scene.energies.data(), kLabels);
    field.run();
    return std::make_pair(field.probabilities(), field.labels());
  };
  const auto all = run();
  options.drop_labels_below = 0.01;
  const auto some = run();
  EXPECT_LT(mean_difference(all.first, some.first), 1e-3);
  EXPECT_EQ(all.second, some.second);
  EXPECT_EQ(some.first.size(), kLabels * Scene::kPixels);
  EXPECT_EQ(some.first.back(), 0);
}

TEST(DenseCrf, StopsWhenNothingChanges) {
  auto options = options_for_scene(Engine::kExact);
  options.iterations = 100;
  options.stop_below = 1e-3;
  const Scene scene;
  const DenseCrf crf(options, scene.image());
  MeanField field(crf, scene.energies.data(), Scene::kLabels);
  EXPECT_LT(field.run(), 50);
}

TEST(DenseCrf, SmoothsTheNoiseAway) {
  auto options = options_for_scene(Engine::kLattice);
  const Scene scene;
  const DenseCrf crf(options, scene.image());
  MeanField field(crf, scene.energies.data(), Scene::kLabels);
  field.run();
  const auto labels = field.labels();
  for (size_t i = 0; i < Scene::kPixels; ++i) {
    EXPECT_EQ(labels[i], i % Scene::kWidth > 13 ? 1 : 0) << i;
  }
}

TEST(DenseCrf, AGreyImageAndOneOfFiveChannelsAreFine) {
  for (const int64_t channels : {1, 5}) {
    const std::vector<uint8_t> pixels(
        static_cast<size_t>(Scene::kHeight * Scene::kWidth * channels), 9
    );
    const DenseCrf crf(
        options_for_scene(Engine::kLattice),
        {pixels.data(), Scene::kHeight, Scene::kWidth, channels}
    );
    MeanField field(crf, Scene().energies.data(), Scene::kLabels);
    field.run();
    EXPECT_EQ(field.iterations(), 5);
  }
}

TEST(DenseCrf, AnImageBeyondTheMachinesMemoryIsRefused) {
  const Image huge{nullptr, int64_t{1} << 20, int64_t{1} << 20, 3};
  EXPECT_THAT(
      message_of<ConfigError>([&] { DenseCrf(DenseCrfOptions(), huge); }),
      HasSubstr("crf: 1099511627776 pixels need at least 158330 GB")
  );
}

TEST(DenseCrf, NamesWhatIsWrong) {
  const Scene scene;
  const auto refusal = [&](const auto& change) {
    auto options = options_for_scene(Engine::kLattice);
    change(options);
    return message_of<ConfigError>([&] { scene.run(options); });
  };
  EXPECT_THAT(
      refusal([](auto& o) { o.kernels[1].position_sigma = 0; }),
      HasSubstr("crf.kernels[1].position_sigma is 0; must be in 1e-6..1e9")
  );
  EXPECT_THAT(
      refusal([](auto& o) { o.kernels[0].color_sigma = -3; }),
      HasSubstr("crf.kernels[0].color_sigma is -3")
  );
  EXPECT_THAT(
      refusal([](auto& o) { o.iterations = -1; }),
      HasSubstr("crf.iterations is -1")
  );
  EXPECT_THAT(
      refusal([](auto& o) {
        o.kernels[0].compatibility = {1, 1};
      }),
      HasSubstr("compatibility has 2 numbers; expected 3 or 9")
  );
  EXPECT_THAT(
      refusal([](auto& o) {
        o.kernels[0].features = Features{Scene::kPixels, 2, {1, 2, 3}};
      }),
      HasSubstr("features has 3 numbers for 540 pixels with 2 dimensions")
  );
  EXPECT_THAT(
      refusal([](auto& o) {
        Features features{Scene::kPixels, 1, {}};
        features.values.resize(Scene::kPixels);
        features.values[7] = std::numeric_limits<float>::quiet_NaN();
        o.kernels[0].features = features;
      }),
      HasSubstr("features contains nan")
  );
  auto energies = scene.energies;
  energies[5] = std::numeric_limits<float>::quiet_NaN();
  const DenseCrf crf(options_for_scene(Engine::kLattice), scene.image());
  EXPECT_THAT(
      message_of<DataError>([&] {
        MeanField(crf, energies.data(), Scene::kLabels);
      }),
      HasSubstr(
          "crf: an energy at pixel 5 is out of range; must be in -1e20..1e20"
      )
  );
}

}  // namespace
}  // namespace deeplab::crf
