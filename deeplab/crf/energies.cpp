// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/energies.h"

#include <algorithm>
#include <cmath>

#include "deeplab/core/error.h"

namespace deeplab::crf {
namespace {

/// The reference implementation's; its energies are at most 11.5.
constexpr float kLeastProbability = 1e-5F;

}  // namespace

std::vector<float> energies_of_probabilities(
    const float* probabilities, size_t labels, size_t pixels
) {
  // Sums of rounded softmaxes may pass 1 by a little.
  constexpr float kRounding = 1e-4F;
  std::vector<float> energies(labels * pixels);
  for (size_t i = 0; i < energies.size(); ++i) {
    const float p = probabilities[i];
    if (!(p >= -kRounding && p <= 1 + kRounding)) {
      throw DataError(
          str("probability ",
              p,
              " of label ",
              i / pixels,
              " at pixel ",
              i % pixels,
              "; expected 0 to 1 (logits are another flag)")
      );
    }
    energies[i] = -std::log(std::clamp(p, kLeastProbability, 1.0F));
  }
  return energies;
}

std::vector<float> energies_of_logits(
    const float* logits, size_t labels, size_t pixels
) {
  const float most_energy = -std::log(kLeastProbability);
  std::vector<float> energies(labels * pixels);
  for (size_t pixel = 0; pixel < pixels; ++pixel) {
    float most = logits[pixel];
    for (size_t l = 0; l < labels; ++l) {
      const float logit = logits[l * pixels + pixel];
      if (!std::isfinite(logit)) {
        throw DataError(
            str("logit ",
                logit,
                " of label ",
                l,
                " at pixel ",
                pixel,
                "; expected finite numbers")
        );
      }
      most = std::max(most, logit);
    }
    double sum = 0;
    for (size_t l = 0; l < labels; ++l) {
      sum += std::exp(
          static_cast<double>(logits[l * pixels + pixel]) -
          static_cast<double>(most)
      );
    }
    const float log_sum = most + static_cast<float>(std::log(sum));
    for (size_t l = 0; l < labels; ++l) {
      energies[l * pixels + pixel] =
          std::min(log_sum - logits[l * pixels + pixel], most_energy);
    }
  }
  return energies;
}

std::vector<float> energies_of_labels(
    const uint8_t* mask, size_t labels, size_t pixels, double confidence
) {
  const auto count = static_cast<double>(labels);
  if (!(confidence > 1 / count && confidence < 1)) {
    throw ConfigError(
        str("confidence ",
            confidence,
            "; must be above 1 / ",
            labels,
            " (the share of a guess) and below 1")
    );
  }
  const auto right = static_cast<float>(-std::log(confidence));
  const auto wrong =
      static_cast<float>(-std::log((1 - confidence) / (count - 1)));
  const auto unknown = static_cast<float>(std::log(count));
  std::vector<float> energies(labels * pixels, unknown);
  for (size_t pixel = 0; pixel < pixels; ++pixel) {
    if (mask[pixel] >= labels) continue;
    for (size_t l = 0; l < labels; ++l) {
      energies[l * pixels + pixel] = l == mask[pixel] ? right : wrong;
    }
  }
  return energies;
}

}  // namespace deeplab::crf
