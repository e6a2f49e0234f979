// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/energies.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "deeplab/core/error.h"
#include "deeplab/crf/golden.h"
#include "support/support.h"

namespace deeplab::crf {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

/// Returns an energy computed in the slow, obvious way.
float energy_of_logits(
    const std::vector<float>& logits, size_t pixels, size_t at
) {
  double sum = 0;
  for (size_t i = at % pixels; i < logits.size(); i += pixels) {
    sum += std::exp(
        static_cast<double>(logits[i]) - static_cast<double>(logits[at])
    );
  }
  return static_cast<float>(std::min(std::log(sum), -std::log(1e-5)));
}

TEST(Energies, OfLogitsAreThoseOfTheirSoftmax) {
  constexpr size_t kLabels = 5;
  // The largest count needs several blocks, and none is a multiple of every
  // vector width.
  for (const size_t pixels : {1, 8, 3001}) {
    std::mt19937 random(1);
    std::normal_distribution<float> logit(0, 6);
    std::vector<float> logits(kLabels * pixels);
    for (auto& value : logits) value = logit(random);
    std::vector<float> energies(logits.size());
    energies_of_logits(logits.data(), kLabels, pixels, energies.data());
    for (size_t i = 0; i < logits.size(); ++i) {
      ASSERT_NEAR(energies[i], energy_of_logits(logits, pixels, i), 2e-5)
          << pixels << " pixels, " << i;
    }
    // The conversion also works in place.
    energies_of_logits(logits.data(), kLabels, pixels, logits.data());
    EXPECT_EQ(logits, energies);
  }
}

TEST(Energies, OfExtremeLogitsAreFinite) {
  constexpr float kMost = std::numeric_limits<float>::max();
  const std::vector<float> logits{kMost, 1e30F, -kMost, -1e30F};
  std::vector<float> energies(4);
  energies_of_logits(logits.data(), 2, 2, energies.data());
  const auto most = static_cast<float>(-std::log(1e-5));
  EXPECT_EQ(energies, (std::vector<float>{0, 0, most, most}));
}

TEST(Energies, OfProbabilitiesAreClipped) {
  const std::vector<float> probabilities{0.25F, 0, 0.75F, 1};
  std::vector<float> energies(4);
  energies_of_probabilities(probabilities.data(), 2, 2, energies.data());
  EXPECT_NEAR(energies[0], -std::log(0.25), 1e-6);
  EXPECT_NEAR(energies[1], -std::log(1e-5), 1e-6);
  EXPECT_NEAR(energies[2], -std::log(0.75), 1e-6);
  EXPECT_EQ(energies[3], 0);
}

TEST(Energies, OfLabelsSayHowSureTheyAre) {
  const std::vector<uint8_t> mask{0, 2, 255};
  std::vector<float> energies(9);
  energies_of_labels(mask.data(), 3, 3, 0.8, energies.data());
  EXPECT_NEAR(energies[0], -std::log(0.8), 1e-6);
  EXPECT_NEAR(energies[3], -std::log(0.1), 1e-6);
  EXPECT_NEAR(energies[2], std::log(3.0), 1e-6);
  EXPECT_THAT(
      message_of<ConfigError>([&] {
        energies_of_labels(mask.data(), 3, 3, 0.3, energies.data());
      }),
      HasSubstr("must be above 1 / 3")
  );
}

TEST(Energies, AreRefusedOutOfRangeByTheFirstPixelThatIs) {
  constexpr size_t kPixels = 5000;
  std::vector<float> values(2 * kPixels, 0.5F);
  values[kPixels + 1234] = 7;
  values[4321] = -7;
  const auto message = [&](const auto& convert) {
    return message_of<DataError>([&] {
      convert(values.data(), 2, kPixels, values.data());
    });
  };
  EXPECT_THAT(
      message(energies_of_probabilities),
      HasSubstr("probability 7 for label 1 at pixel 1234")
  );
  values.assign(values.size(), 0.5F);
  values[kPixels + 2345] = std::numeric_limits<float>::quiet_NaN();
  values[4999] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(
      message(energies_of_logits),
      HasSubstr("logit nan for label 1 at pixel 2345")
  );
}

}  // namespace
}  // namespace deeplab::crf
