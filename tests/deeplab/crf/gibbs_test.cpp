// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/gibbs.h"

#include <array>

#include "deeplab/core/error.h"
#include "deeplab/crf/golden.h"
#include "deeplab/crf/mean_field.h"
#include "support/support.h"

namespace deeplab::crf {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

/// A scene with so few pixels that all labellings can be enumerated.
struct Tiny {
  static constexpr int64_t kHeight = 2;
  static constexpr int64_t kWidth = 3;
  static constexpr size_t kPixels = 6;
  static constexpr size_t kLabels = 3;

  std::vector<uint8_t> pixels{10, 20, 90, 15, 60, 80};
  std::vector<float> energies;

  Tiny() {
    for (size_t i = 0; i < kLabels * kPixels; ++i) {
      energies.push_back(static_cast<float>((i * 7) % 10) * 0.15F);
    }
  }
  Image image() const { return {pixels.data(), kHeight, kWidth, 1}; }
};

/// Returns the value of a kernel between two pixels, by its definition.
double pair_kernel(
    const KernelOptions& kernel, const Tiny& scene, size_t i, size_t j
) {
  const auto place = [](size_t pixel) {
    return std::pair<double, double>(
        static_cast<double>(pixel / Tiny::kWidth),
        static_cast<double>(pixel % Tiny::kWidth)
    );
  };
  const auto [y, x] = place(i);
  const auto [other_y, other_x] = place(j);
  const double square =
      (y - other_y) * (y - other_y) + (x - other_x) * (x - other_x);
  double exponent = 0;
  if (kernel.color_sigma) {
    const double apart =
        (scene.pixels[i] - scene.pixels[j]) / *kernel.color_sigma;
    exponent -= apart * apart / 2;
  }
  if (kernel.neighbours != 0) {
    const bool touch = square == 1 || (kernel.neighbours == 8 && square == 2);
    return touch ? std::exp(exponent) / std::sqrt(square) : 0;
  }
  exponent -= square / (2 * kernel.position_sigma * kernel.position_sigma);
  return std::exp(exponent);
}

/// Returns the exact marginals, by enumerating all 3^6 labellings, with
/// normalization "none".
std::vector<float> true_marginals(
    const DenseCrfOptions& options, const Tiny& scene
) {
  std::vector<double> marginals(Tiny::kLabels * Tiny::kPixels);
  double total = 0;
  for (size_t code = 0; code < 729; ++code) {
    std::array<size_t, Tiny::kPixels> labels{};
    size_t rest = code;
    for (auto& label : labels) {
      label = rest % Tiny::kLabels;
      rest /= Tiny::kLabels;
    }
    double energy = 0;
    for (size_t i = 0; i < Tiny::kPixels; ++i) {
      energy +=
          static_cast<double>(scene.energies[labels[i] * Tiny::kPixels + i]);
      for (size_t j = 0; j < i; ++j) {
        if (labels[i] != labels[j]) continue;
        for (const auto& kernel : options.kernels) {
          energy -= kernel.weight * pair_kernel(kernel, scene, i, j);
        }
      }
    }
    const double weight = std::exp(-energy);
    total += weight;
    for (size_t i = 0; i < Tiny::kPixels; ++i) {
      marginals[labels[i] * Tiny::kPixels + i] += weight;
    }
  }
  std::vector<float> result;
  for (const double sum : marginals) {
    result.push_back(static_cast<float>(sum / total));
  }
  return result;
}

DenseCrfOptions options_of(std::vector<KernelOptions> kernels) {
  DenseCrfOptions options;
  options.engine = Engine::kExact;
  options.normalization = Normalization::kNone;
  options.self_term = SelfTerm::kLeftOut;
  options.kernels = std::move(kernels);
  return options;
}

class Sampler : public ::testing::TestWithParam<int> {
 protected:
  DenseCrfOptions options_ = options_of(
      GetParam() == 0
          ? std::vector<KernelOptions>{{0.5, 2, 40}, {0.3, 1}}
          : std::vector<KernelOptions>{{0.8, 1, 40, {}, {}, GetParam()}}
  );
};

TEST_P(Sampler, TendsToTheTrueMarginals) {
  const Tiny scene;
  const DenseCrf crf(options_, scene.image());
  GibbsSampler sampler(
      crf, scene.image(), scene.energies.data(), Tiny::kLabels, 5
  );
  for (int i = 0; i < 50; ++i) sampler.burn_in();
  for (int i = 0; i < 20000; ++i) sampler.sample();
  EXPECT_LT(
      largest_difference(
          sampler.probabilities(), true_marginals(options_, scene)
      ),
      0.015
  );
}

TEST_P(Sampler, IsNearerToTheMarginalsThanMeanField) {
  const Tiny scene;
  const DenseCrf crf(options_, scene.image());
  MeanField field(crf, scene.energies.data(), Tiny::kLabels);
  field.run();
  GibbsSampler sampler(
      crf, scene.image(), scene.energies.data(), Tiny::kLabels, 5
  );
  for (int i = 0; i < 20000; ++i) sampler.sample();
  const auto truth = true_marginals(options_, scene);
  const double error = mean_difference(field.probabilities(), truth);
  EXPECT_LT(mean_difference(sampler.probabilities(), truth), error);
  // Mean field is still close to the exact marginals, because the coupling is
  // weak.
  EXPECT_LT(error, 0.1);
}

INSTANTIATE_TEST_SUITE_P(
    AllAndNeighbours,
    Sampler,
    ::testing::Values(0, 4, 8),
    [](const auto& tested) { return std::to_string(tested.param); }
);

TEST(NeighbourCrf, OneIterationIsByItsDefinition) {
  const Tiny scene;
  for (const int64_t neighbours : {4, 8}) {
    const auto options = options_of({{0.8, 1, 40, {}, {}, neighbours}});
    const DenseCrf crf(options, scene.image());
    MeanField field(crf, scene.energies.data(), Tiny::kLabels);
    const auto before = field.probabilities();
    field.step();
    const auto after = field.probabilities();
    for (size_t i = 0; i < Tiny::kPixels; ++i) {
      std::array<double, Tiny::kLabels> powers{};
      double sum = 0;
      for (size_t l = 0; l < Tiny::kLabels; ++l) {
        double logit =
            -static_cast<double>(scene.energies[l * Tiny::kPixels + i]);
        for (size_t j = 0; j < Tiny::kPixels; ++j) {
          if (i == j) continue;
          logit += 0.8 * pair_kernel(options.kernels[0], scene, i, j) *
                   static_cast<double>(before[l * Tiny::kPixels + j]);
        }
        powers[l] = std::exp(logit);
        sum += powers[l];
      }
      for (size_t l = 0; l < Tiny::kLabels; ++l) {
        EXPECT_NEAR(
            static_cast<double>(after[l * Tiny::kPixels + i]), powers[l] / sum,
            1e-5
        );
      }
    }
  }
}

TEST(GibbsSampler, NamesWhatItCannotDo) {
  const Tiny scene;
  const auto refusal = [&](const auto& change) {
    auto options = options_of({{0.5, 2, 40}});
    change(options);
    const DenseCrf crf(options, scene.image());
    return message_of<ConfigError>([&] {
      GibbsSampler(crf, scene.image(), scene.energies.data(), Tiny::kLabels, 0);
    });
  };
  EXPECT_THAT(
      refusal([](auto& o) { o.engine = Engine::kLattice; }),
      HasSubstr("needs the engine \"exact\"")
  );
  EXPECT_THAT(
      refusal([](auto& o) { o.normalization = Normalization::kAfter; }),
      HasSubstr("do not define an energy")
  );
  auto options = options_of({{0.5, 2, 40}});
  options.kernels[0].neighbours = 6;
  EXPECT_THAT(
      message_of<ConfigError>([&] { DenseCrf(options, scene.image()); }),
      HasSubstr("neighbours is 6; known: 0, 4, 8")
  );
}

}  // namespace
}  // namespace deeplab::crf
