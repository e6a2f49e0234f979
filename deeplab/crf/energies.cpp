// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/energies.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/crf/kernels/lanes.h"
#include "deeplab/crf/kernels/parallel.h"

namespace deeplab::crf {
namespace {

/// The reference implementation's lower bound; energies are at most 11.5.
constexpr float kLeastProbability = 1e-5F;
/// Tolerance around 0..1, because sums of rounded softmax outputs may slightly
/// exceed 1.
constexpr float kRounding = 1e-4F;

/// Values [labels, pixels].
struct Planes {
  const float* values;
  size_t labels;
  size_t pixels;
};

bool is_probability(float p) { return p >= -kRounding && p <= 1 + kRounding; }

/// Loads `count` values into the first lanes; the other lanes are 0.
DEEPLAB_CRF_INLINE Lanes load(const float* from, size_t count) {
  Lanes v = {};
  std::memcpy(&v, from, count * sizeof(float));
  return v;
}

/// Converts `count` pixels, at most kLanes, from `first` on. Returns false, and
/// writes nothing, if a logit is not finite.
DEEPLAB_CRF_INLINE bool logits_to_energies(
    const Planes& logits, size_t first, size_t count, float* energies
) {
  const auto at = [&](size_t l) { return l * logits.pixels + first; };
  const float most_energy = -std::log(kLeastProbability);
  constexpr float kMost = std::numeric_limits<float>::max();
  Lanes most = Lanes{} - kMost;
  LaneInts finite = LaneInts{} - 1;
  for (size_t l = 0; l < logits.labels; ++l) {
    const Lanes v = load(logits.values + at(l), count);
    finite &= (v >= -kMost) & (v <= kMost);
    most = larger(v, most);
  }
  for (size_t i = 0; i < kLanes; ++i) {
    if (finite[i] == 0) return false;
  }
  Lanes total = {};
  for (size_t l = 0; l < logits.labels; ++l) {
    total += exp_of_negative(load(logits.values + at(l), count) - most);
  }
  Lanes log_sum = {};
  for (size_t i = 0; i < kLanes; ++i) log_sum[i] = most[i] + std::log(total[i]);
  for (size_t l = 0; l < logits.labels; ++l) {
    Lanes v = log_sum - load(logits.values + at(l), count);
    v = v < most_energy ? v : Lanes{} + most_energy;
    std::memcpy(energies + at(l), &v, count * sizeof(float));
  }
  return true;
}

/// Converts a range of pixels. Returns one past the last pixel that was
/// converted.
DEEPLAB_CRF_WIDTHS
size_t logits_to_energies_of(
    const Planes& logits, Range range, float* energies
) {
  size_t i = range.begin;
  for (; i + kLanes <= range.end; i += kLanes) {
    if (!logits_to_energies(logits, i, kLanes, energies)) return i;
  }
  if (i == range.end) return i;
  const bool done = logits_to_energies(logits, i, range.end - i, energies);
  return done ? range.end : i;
}

/// Does the same for probabilities.
size_t probabilities_to_energies_of(
    const Planes& probabilities, Range range, float* energies
) {
  for (size_t i = range.begin; i < range.end; ++i) {
    for (size_t l = 0; l < probabilities.labels; ++l) {
      if (!is_probability(probabilities.values[l * probabilities.pixels + i]))
        return i;
    }
    for (size_t l = 0; l < probabilities.labels; ++l) {
      const size_t at = l * probabilities.pixels + i;
      energies[at] = -std::log(
          std::clamp(probabilities.values[at], kLeastProbability, 1.0F)
      );
    }
  }
  return range.end;
}

/// Calls convert(Range) for runs of pixels; it returns the pixel at which it
/// stopped. Returns the first pixel that was not converted, or `pixels` if all
/// were.
template <class Convert>
size_t convert_all(size_t pixels, const Convert& convert) {
  constexpr size_t kTogether = 1024;
  std::vector<size_t> stops((pixels + kTogether - 1) / kTogether, pixels);
  parallel_ranges(stops.size(), [&](Range runs) {
    for (size_t run = runs.begin; run < runs.end; ++run) {
      const size_t end = std::min((run + 1) * kTogether, pixels);
      const size_t stop = convert(Range{run * kTogether, end});
      if (stop < end) stops[run] = stop;
    }
  });
  return *std::min_element(stops.begin(), stops.end());
}

/// Returns the index of the first value that is not `good`, from pixel `from`
/// on.
template <class Good>
size_t first_bad(const Planes& planes, size_t from, const Good& good) {
  for (size_t i = from; i < planes.pixels; ++i) {
    for (size_t l = 0; l < planes.labels; ++l) {
      const size_t at = l * planes.pixels + i;
      if (!good(planes.values[at])) return at;
    }
  }
  return planes.labels * planes.pixels;
}

std::string place_of(const Planes& planes, size_t at) {
  return fmt::format(
      "{} for label {} at pixel {}", planes.values[at], at / planes.pixels,
      at % planes.pixels
  );
}

}  // namespace

void energies_of_probabilities(
    const float* probabilities, size_t labels, size_t pixels, float* energies
) {
  const Planes planes{probabilities, labels, pixels};
  const size_t stop = convert_all(pixels, [&](Range range) {
    return probabilities_to_energies_of(planes, range, energies);
  });
  if (stop == pixels) return;
  const size_t bad = first_bad(planes, stop, is_probability);
  throw DataError(fmt::format(
      "probability {}; must be in 0..1 (for logits, give --logits)",
      place_of(planes, bad)
  ));
}

void energies_of_logits(
    const float* logits, size_t labels, size_t pixels, float* energies
) {
  const Planes planes{logits, labels, pixels};
  const size_t stop = convert_all(pixels, [&](Range range) {
    return logits_to_energies_of(planes, range, energies);
  });
  if (stop == pixels) return;
  const size_t bad =
      first_bad(planes, stop, [](float logit) { return std::isfinite(logit); });
  throw DataError(fmt::format("logit {}; must be finite", place_of(planes, bad))
  );
}

void energies_of_labels(
    const uint8_t* mask,
    size_t labels,
    size_t pixels,
    double confidence,
    float* energies
) {
  const auto count = static_cast<double>(labels);
  if (!(confidence > 1 / count && confidence < 1)) {
    throw ConfigError(fmt::format(
        "confidence {}; must be above 1 / {} (the probability of a random guess) and below 1",
        confidence, labels
    ));
  }
  const auto right = static_cast<float>(-std::log(confidence));
  const auto wrong =
      static_cast<float>(-std::log((1 - confidence) / (count - 1)));
  const auto unknown = static_cast<float>(std::log(count));
  std::fill_n(energies, labels * pixels, unknown);
  for (size_t pixel = 0; pixel < pixels; ++pixel) {
    if (mask[pixel] >= labels) continue;
    for (size_t l = 0; l < labels; ++l) {
      energies[l * pixels + pixel] = l == mask[pixel] ? right : wrong;
    }
  }
}

}  // namespace deeplab::crf
