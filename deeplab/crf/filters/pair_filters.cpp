// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/filters/pair_filters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "deeplab/crf/kernels/lattice_loops.h"
#include "deeplab/crf/kernels/pair_loops.h"
#include "deeplab/crf/kernels/parallel.h"

namespace deeplab::crf {
namespace {

/// Number of pixels that are skipped together if they are too far away; a
/// multiple of kLanes.
constexpr size_t kGroup = 128;
size_t groups(size_t pixels) { return (pixels + kGroup - 1) / kGroup; }

}  // namespace

ExactFilter::ExactFilter(const Features& features)
    : count_(features.count),
      coordinates_(coordinates_of(features)),
      least_(features.dimensions, groups(count_)),
      most_(features.dimensions, groups(count_)),
      scales_(unit_scales(count_)) {
  for (size_t d = 0; d < features.dimensions; ++d) {
    const float* row = coordinates_[d];
    for (size_t group = 0; group < groups(count_); ++group) {
      const auto [least, most] = std::minmax_element(
          row + group * kGroup, row + std::min(count_, (group + 1) * kGroup)
      );
      least_[d][group] = *least;
      most_[d][group] = *most;
    }
  }
}

bool ExactFilter::is_apart(size_t group, size_t pixel) const {
  // The exponential is 0 at a slightly smaller distance.
  constexpr float kReach = 13.5F;
  float square = 0;
  for (size_t d = 0; d < coordinates_.count(); ++d) {
    const float own = coordinates_[d][pixel];
    const float apart =
        std::max({0.0F, least_[d][group] - own, own - most_[d][group]});
    square += apart * apart;
  }
  return square > kReach * kReach;
}

Rows ExactFilter::make_workspace(size_t labels) const {
  return {coordinates_.width(), labels};
}

void ExactFilter::read(const Rows& values, size_t /*turn*/, Rows& workspace)
    const {
  for (size_t i = 0; i < count_; ++i) {
    for (size_t l = 0; l < values.width(); ++l) {
      workspace[i][l] = values[i][l] * scales_.given[i];
    }
  }
}

void ExactFilter::add(
    const Rows& /*values*/, const Rows& workspace, Range pixels, float* sums
) const {
  for (size_t i = pixels.begin; i < pixels.end; ++i) {
    for (size_t group = 0; group < groups(count_); ++group) {
      if (is_apart(group, i)) continue;
      add_pairs(
          {coordinates_, i}, workspace,
          {group * kGroup, std::min(count_, (group + 1) * kGroup)},
          scales_.taken[i], sums
      );
    }
    sums += workspace.width();
  }
}

NeighbourLinks link_neighbours(
    const Image& image, std::optional<double> color_sigma, int64_t neighbours
) {
  NeighbourLinks links{static_cast<size_t>(neighbours), {}, {}};
  constexpr std::array<std::pair<int, int>, 8> kSteps{
      {{-1, 0}, {0, -1}, {0, 1}, {1, 0}, {-1, -1}, {-1, 1}, {1, -1}, {1, 1}}};
  const auto levels = [&](int64_t y, int64_t x) {
    return image.pixels + (y * image.width + x) * image.channels;
  };
  const auto weight_of = [&](const uint8_t* one, const uint8_t* other) {
    if (!color_sigma) return 1.0;
    double square = 0;
    for (int64_t c = 0; c < image.channels; ++c) {
      const double apart = one[c] - other[c];
      square += apart * apart;
    }
    return std::exp(-0.5 * square / (*color_sigma * *color_sigma));
  };
  for (int64_t y = 0; y < image.height; ++y) {
    for (int64_t x = 0; x < image.width; ++x) {
      for (size_t k = 0; k < links.per_pixel; ++k) {
        const int64_t to_y = y + kSteps[k].first;
        const int64_t to_x = x + kSteps[k].second;
        if (to_y < 0 || to_y >= image.height || to_x < 0 ||
            to_x >= image.width) {
          links.others.push_back(static_cast<uint32_t>(y * image.width + x));
          links.weights.push_back(0);
          continue;
        }
        const double distance = k < 4 ? 1 : std::sqrt(2.0);
        links.others.push_back(static_cast<uint32_t>(to_y * image.width + to_x)
        );
        links.weights.push_back(static_cast<float>(
            weight_of(levels(y, x), levels(to_y, to_x)) / distance
        ));
      }
    }
  }
  return links;
}

NeighbourFilter::NeighbourFilter(
    const Image& image, std::optional<double> color_sigma, int64_t neighbours
)
    : links_(link_neighbours(image, color_sigma, neighbours)),
      taken_(links_.others.size() / links_.per_pixel, 1) {}

void NeighbourFilter::add(
    const Rows& values, const Rows& /*workspace*/, Range pixels, float* sums
) const {
  const Corners corners{
      links_.others.data(), links_.weights.data(), links_.per_pixel};
  constexpr size_t kAhead = 8;
  slice_corners(corners, taken_.data(), values, pixels, kAhead, sums);
}

void NeighbourFilter::set_scales(Scales scales) {
  for (size_t at = 0; at < links_.others.size(); ++at) {
    links_.weights[at] *= scales.given[links_.others[at]];
  }
  taken_ = std::move(scales.taken);
}

}  // namespace deeplab::crf
