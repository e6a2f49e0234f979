// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/gibbs.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/crf/energies.h"

namespace deeplab::crf {
namespace {

void check_sampled(const DenseCrfOptions& options) {
  if (options.normalization == Normalization::kAfter ||
      options.normalization == Normalization::kBefore) {
    throw ConfigError(
        "crf: normalization \"after\" and \"before\" do not define an energy, so Gibbs sampling is not possible; use symmetric or none"
    );
  }
  for (const auto& kernel : options.kernels) {
    if (options.engine == Engine::kExact || kernel.neighbours != 0) continue;
    throw ConfigError(
        "crf: Gibbs sampling needs the engine \"exact\", or neighbours above 0"
    );
  }
}

}  // namespace

GibbsSampler::GibbsSampler(
    const DenseCrf& crf,
    const Image& image,
    const float* energies,
    size_t labels,
    uint64_t seed
)
    : labels_(labels),
      energies_(crf.pixels() * labels),
      counts_(crf.pixels() * labels),
      now_(crf.pixels()),
      random_(seed) {
  crf.check_labels(labels);
  const auto& options = crf.options();
  check_sampled(options);
  for (const auto& kernel : options.kernels) {
    weights_.emplace_back(kernel, options.normalization, image);
    compatibilities_.push_back(kernel.compatibility);
  }
  for (size_t i = 0; i < crf.pixels(); ++i) {
    double* own = &energies_[i * labels];
    for (size_t l = 0; l < labels; ++l) {
      own[l] = static_cast<double>(energies[l * crf.pixels() + i]);
      if (!(std::abs(own[l]) <= kMostEnergy)) {
        throw DataError(fmt::format(
            "crf: energy {} at pixel {}; must be in -1e20..1e20", own[l], i
        ));
      }
    }
    now_[i] = static_cast<uint8_t>(std::min_element(own, own + labels) - own);
  }
}

uint8_t GibbsSampler::draw(size_t pixel) {
  std::vector<double> logits(labels_);
  for (size_t l = 0; l < labels_; ++l) {
    logits[l] = -energies_[pixel * labels_ + l];
  }
  std::vector<double> votes(labels_);
  for (size_t k = 0; k < weights_.size(); ++k) {
    std::fill(votes.begin(), votes.end(), 0.0);
    weights_[k].add_votes(pixel, now_, votes);
    const auto& table = compatibilities_[k];
    for (size_t l = 0; l < labels_; ++l) {
      if (table.empty()) {
        logits[l] += votes[l];
      } else if (table.size() == labels_) {
        logits[l] += static_cast<double>(table[l]) * votes[l];
      } else {
        for (size_t m = 0; m < labels_; ++m) {
          logits[l] += static_cast<double>(table[l * labels_ + m]) * votes[m];
        }
      }
    }
  }
  const double top = *std::max_element(logits.begin(), logits.end());
  for (auto& logit : logits) logit = std::exp(logit - top);
  std::discrete_distribution<int> label(logits.begin(), logits.end());
  return static_cast<uint8_t>(label(random_));
}

void GibbsSampler::burn_in() {
  for (size_t i = 0; i < now_.size(); ++i) now_[i] = draw(i);
}

void GibbsSampler::sample() {
  burn_in();
  ++samples_;
  for (size_t i = 0; i < now_.size(); ++i) ++counts_[i * labels_ + now_[i]];
}

std::vector<float> GibbsSampler::probabilities() const {
  const size_t pixels = now_.size();
  std::vector<float> result(labels_ * pixels);
  const double sweeps = std::max<double>(1, static_cast<double>(samples_));
  for (size_t i = 0; i < pixels; ++i) {
    for (size_t l = 0; l < labels_; ++l) {
      result[l * pixels + i] =
          static_cast<float>(counts_[i * labels_ + l] / sweeps);
    }
  }
  return result;
}

}  // namespace deeplab::crf
