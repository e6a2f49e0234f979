// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/energies.h"

#include <cmath>

#include "deeplab/core/error.h"
#include "deeplab/crf/golden.h"
#include "support/support.h"

namespace deeplab::crf {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

TEST(Energies, OfLogitsAndOfTheirSoftmaxAreEqual) {
  const std::vector<float> logits{1, -2, 30, 0, 4, -30};
  const std::vector<float> probabilities{
      1 / (1 + std::exp(-1.0F)),
      1 / (1 + std::exp(6.0F)),
      1,
      1 / (1 + std::exp(1.0F)),
      1 / (1 + std::exp(-6.0F)),
      0};
  EXPECT_LT(
      largest_difference(
          energies_of_logits(logits.data(), 2, 3),
          energies_of_probabilities(probabilities.data(), 2, 3)
      ),
      1e-4
  );
}

TEST(Energies, OfLabelsSayHowSureTheyAre) {
  const std::vector<uint8_t> mask{0, 2, 255};
  const auto energies = energies_of_labels(mask.data(), 3, 3, 0.8);
  EXPECT_NEAR(energies[0], -std::log(0.8), 1e-6);
  EXPECT_NEAR(energies[3], -std::log(0.1), 1e-6);
  EXPECT_NEAR(energies[2], std::log(3.0), 1e-6);
  EXPECT_THAT(
      message_of<ConfigError>([&] {
        energies_of_labels(mask.data(), 3, 3, 0.3);
      }),
      HasSubstr("must be above 1 / 3")
  );
}

TEST(Energies, AreRefusedOutOfRange) {
  const std::vector<float> values{0.5F, 7};
  EXPECT_THAT(
      message_of<DataError>([&] {
        energies_of_probabilities(values.data(), 2, 1);
      }),
      HasSubstr("probability 7 of label 1 at pixel 0")
  );
}

}  // namespace
}  // namespace deeplab::crf
