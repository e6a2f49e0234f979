// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/bootstrap.h"

#include <algorithm>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/core/random.h"

namespace deeplab::metrics {
namespace {

/// The counts of one image in both results.
struct Pair {
  const ImageCounts* first;
  const ImageCounts* second;
};

double difference_of(
    const std::vector<Pair>& pairs, const std::vector<size_t>& drawn
) {
  ImageCounts first;
  ImageCounts second;
  for (const auto i : drawn) {
    add_to(first, *pairs[i].first);
    add_to(second, *pairs[i].second);
  }
  return mean_iou(second) - mean_iou(first);
}

}  // namespace

Comparison compare(
    const std::map<std::string, ImageCounts>& first,
    const std::map<std::string, ImageCounts>& second,
    int64_t rounds,
    uint64_t seed
) {
  if (first.empty() || first.size() != second.size()) {
    throw Error(fmt::format(
        "cannot compare counts of {} images with counts of {}", first.size(),
        second.size()
    ));
  }
  std::vector<Pair> pairs;
  for (const auto& [name, counts] : first) {
    const auto other = second.find(name);
    if (other == second.end()) {
      throw Error(fmt::format(
          "cannot compare: the image {} is counted in only one of the results",
          name
      ));
    }
    pairs.push_back({&counts, &other->second});
  }
  std::vector<size_t> drawn(pairs.size());
  for (size_t i = 0; i < drawn.size(); ++i) drawn[i] = i;
  Comparison comparison;
  comparison.difference = difference_of(pairs, drawn);

  Random random(seed);
  std::vector<double> differences;
  for (int64_t round = 0; round < rounds; ++round) {
    for (auto& index : drawn) {
      index = static_cast<size_t>(
          random.integer(0, static_cast<int64_t>(pairs.size()) - 1)
      );
    }
    differences.push_back(difference_of(pairs, drawn));
  }
  std::sort(differences.begin(), differences.end());
  const auto at_share = [&](double share) {
    const auto last = static_cast<double>(differences.size() - 1);
    return differences[static_cast<size_t>(share * last + 0.5)];
  };
  constexpr double kTail = 0.025;
  comparison.low = at_share(kTail);
  comparison.high = at_share(1 - kTail);
  return comparison;
}

}  // namespace deeplab::metrics
