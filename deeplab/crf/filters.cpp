// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/filters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "deeplab/core/error.h"
#include "deeplab/crf/lattice_loops.h"
#include "deeplab/crf/pair_loops.h"
#include "deeplab/crf/parallel.h"

namespace deeplab::crf {
namespace {

Scales unit_scales(size_t count) {
  return {std::vector<float>(count, 1), std::vector<float>(count, 1)};
}

/// Pixels that are left out together where they are too far away; a multiple of
/// kLanes.
constexpr size_t kGroup = 128;
size_t groups(size_t pixels) { return (pixels + kGroup - 1) / kGroup; }

/// A place in a list of chains where one ends, not before `at`.
size_t chain_boundary(const std::vector<uint32_t>& chains, size_t at) {
  if (at == 0) return 0;
  while (at < chains.size() &&
         (chains[at - 1] & PermutohedralLattice::kChainEnd) == 0) {
    ++at;
  }
  return at;
}

/// blur_chains() for one number a vertex.
void blur_numbers(
    const std::vector<uint32_t>& chains, Range range, std::vector<float>& values
) {
  constexpr uint32_t kEnd = PermutohedralLattice::kChainEnd;
  float previous = 0;
  for (size_t i = range.begin; i < range.end; ++i) {
    const bool is_last = (chains[i] & kEnd) != 0;
    float& value = values[chains[i] & ~kEnd];
    const float own = value;
    const float next = is_last ? 0 : values[chains[i + 1] & ~kEnd];
    value = own + (previous + next) * 0.5F;
    previous = is_last ? 0 : own;
  }
}

}  // namespace

std::vector<float> Filter::sums(size_t pixels) const {
  Rows ones(pixels, 1, Content::kUnset);
  parallel_ranges(pixels, [&](Range range) {
    std::fill(ones[range.begin], ones[range.end], 0.0F);
    for (size_t i = range.begin; i < range.end; ++i) ones[i][0] = 1;
  });
  std::vector<float> result(pixels);
  auto workspace = make_workspace(1);
  read(ones, 0, workspace);
  parallel_ranges(pixels, [&](Range range) {
    constexpr size_t kTogether = 512;
    Rows sums(kTogether, 1);
    for (size_t at = range.begin; at < range.end; at += kTogether) {
      const Range own{at, std::min(at + kTogether, range.end)};
      std::fill(sums[0], sums[kTogether], 0.0F);
      add(ones, workspace, own, sums[0]);
      for (size_t i = own.begin; i < own.end; ++i) {
        result[i] = sums[i - own.begin][0];
      }
    }
  });
  return result;
}

void Filter::add_tile(
    const Rows& values, const Rows& workspace, const Tile& tile, float* sums
) const {
  for (size_t row = 0; row < tile.rows; ++row) {
    add(values, workspace, tile.row(row), sums);
    sums += tile.columns * values.width();
  }
}

void Filter::add_votes(
    size_t /*pixel*/, const std::vector<uint8_t>& /*labels*/, double* /*votes*/
) const {
  throw ConfigError(
      "crf: Gibbs sampling needs the engine \"exact\" or neighbours"
  );
}

ExactFilter::ExactFilter(const Features& features)
    : count_(features.count),
      coordinates_(features.dimensions, count_),
      least_(features.dimensions, groups(count_)),
      most_(features.dimensions, groups(count_)),
      scales_(unit_scales(count_)) {
  constexpr float kFarAway = 1e18F;
  for (size_t d = 0; d < features.dimensions; ++d) {
    float* row = coordinates_[d];
    for (size_t i = 0; i < count_; ++i) {
      row[i] = features.values[i * features.dimensions + d];
    }
    for (size_t group = 0; group < groups(count_); ++group) {
      const auto [least, most] = std::minmax_element(
          row + group * kGroup, row + std::min(count_, (group + 1) * kGroup)
      );
      least_[d][group] = *least;
      most_[d][group] = *most;
    }
    std::fill(row + count_, row + coordinates_.width(), kFarAway);
  }
}

bool ExactFilter::is_apart(size_t group, size_t pixel) const {
  // A little beyond where the exponential is 0.
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
          {coordinates_, i},
          workspace,
          {group * kGroup, std::min(count_, (group + 1) * kGroup)},
          scales_.taken[i],
          sums
      );
    }
    sums += workspace.width();
  }
}

void ExactFilter::add_votes(
    size_t pixel, const std::vector<uint8_t>& labels, double* votes
) const {
  std::vector<float> weights(coordinates_.width());
  compute_pairs({coordinates_, pixel}, weights.data());
  weights[pixel] = 0;
  const auto taken = static_cast<double>(scales_.taken[pixel]);
  for (size_t i = 0; i < count_; ++i) {
    votes[labels[i]] +=
        taken * static_cast<double>(weights[i] * scales_.given[i]);
  }
}

LatticeFilter::LatticeFilter(const Features& features)
    : lattice_(features), scales_(unit_scales(features.count)) {}

Rows LatticeFilter::make_workspace(size_t labels) const {
  return {
      lattice_.vertices() + lattice_.twins().size(), labels, Content::kUnset};
}

void LatticeFilter::read(const Rows& values, size_t turn, Rows& workspace)
    const {
  const Corners corners{
      lattice_.corners(), lattice_.weights(), lattice_.axes()};
  const size_t axes = lattice_.axes();
  parallel_ranges(workspace.count(), [&](Range range) {
    std::fill(workspace[range.begin], workspace[range.end], 0.0F);
  });
  // The remainder classes of both halves.
  const Range halves[] = {
      {0, lattice_.half()}, {lattice_.half(), lattice_.points()}};
  parallel_ranges(2 * axes, [&](Range range) {
    for (size_t half = 0; half < 2; ++half) {
      const size_t first = half * axes;
      const Range classes{
          std::max(range.begin, first) - first,
          std::min(std::max(range.end, first), first + axes) - first};
      if (classes.begin >= classes.end) continue;
      splat_corners(
          corners,
          scales_.given.data(),
          values,
          halves[half],
          classes,
          workspace
      );
    }
  });
  const auto& twins = lattice_.twins();
  const size_t first_twin = lattice_.vertices();
  parallel_ranges(twins.size(), [&](Range range) {
    for (size_t i = range.begin; i < range.end; ++i) {
      float* to = workspace[twins[i]];
      const float* from = workspace[first_twin + i];
      for (size_t l = 0; l < workspace.width(); ++l) to[l] += from[l];
    }
  });
  blur_axes(turn, [&](const auto& chains, Range range) {
    blur_chains(chains.data(), range, workspace);
  });
  parallel_ranges(twins.size(), [&](Range range) {
    for (size_t i = range.begin; i < range.end; ++i) {
      std::copy_n(
          workspace[twins[i]], workspace.width(), workspace[first_twin + i]
      );
    }
  });
}

template <class Blur>
void LatticeFilter::blur_axes(size_t turn, const Blur& blur) const {
  for (size_t i = 0; i < lattice_.axes(); ++i) {
    const size_t axis = turn % 2 == 0 ? i : lattice_.axes() - 1 - i;
    const auto& chains = lattice_.chains(axis);
    parallel_ranges(chains.size(), [&](Range range) {
      blur(
          chains,
          Range{
              chain_boundary(chains, range.begin),
              chain_boundary(chains, range.end)}
      );
    });
  }
}

/// The steps of read() and add() with one number a vertex, which is all that
/// pixels of value 1 need.
std::vector<float> LatticeFilter::sums(size_t pixels) const {
  const size_t axes = lattice_.axes();
  const auto& twins = lattice_.twins();
  const size_t first_twin = lattice_.vertices();
  const uint32_t* corners = lattice_.corners();
  const float* weights = lattice_.weights();
  const size_t ends[] = {0, lattice_.half() * axes, pixels * axes};
  std::vector<float> splat(first_twin + twins.size());
  parallel_ranges(2, [&](Range halves) {
    for (size_t i = ends[halves.begin]; i < ends[halves.end]; ++i) {
      splat[corners[i]] += weights[i];
    }
  });
  for (size_t i = 0; i < twins.size(); ++i) {
    splat[twins[i]] += splat[first_twin + i];
  }
  std::vector<float> result(pixels);
  constexpr size_t kTurns = 2;
  for (size_t turn = 0; turn < kTurns; ++turn) {
    auto values = splat;
    blur_axes(turn, [&](const auto& chains, Range range) {
      blur_numbers(chains, range, values);
    });
    for (size_t i = 0; i < twins.size(); ++i) {
      values[first_twin + i] = values[twins[i]];
    }
    parallel_ranges(pixels, [&](Range range) {
      for (size_t i = range.begin; i < range.end; ++i) {
        float sum = 0;
        for (size_t k = i * axes; k < (i + 1) * axes; ++k) {
          sum += weights[k] * values[corners[k]];
        }
        result[i] += sum / kTurns;
      }
    });
  }
  return result;
}

void LatticeFilter::add(
    const Rows& values, const Rows& workspace, Range pixels, float* sums
) const {
  add_tile(
      values, workspace, {pixels.begin, pixels.end - pixels.begin, 1, 0}, sums
  );
}

void LatticeFilter::add_tile(
    const Rows& /*values*/, const Rows& workspace, const Tile& tile, float* sums
) const {
  const Corners corners{
      lattice_.corners(), lattice_.weights(), lattice_.axes()};
  for (size_t row = 0; row < tile.rows; ++row) {
    slice_corners(
        corners,
        scales_.taken.data(),
        workspace,
        tile.row(row),
        tile.rows * tile.pitch,
        sums
    );
    sums += tile.columns * workspace.width();
  }
}

/// The blur's response from corner to corner of one simplex: m classes apart is
/// m steps along different axes, or d + 1 - m the other way.
float LatticeFilter::own_weight(size_t pixel) const {
  const size_t axes = lattice_.axes();
  const float* weights = lattice_.weights() + pixel * axes;
  double sum = 0;
  for (size_t k = 0; k < axes; ++k) {
    for (size_t l = 0; l < axes; ++l) {
      const auto apart = static_cast<int>(k > l ? k - l : l - k);
      const auto around = static_cast<int>(axes) - apart;
      const double response =
          std::ldexp(1.0, -apart) + std::ldexp(apart == 0 ? 2.0 : 1.0, -around);
      sum += static_cast<double>(weights[k]) * static_cast<double>(weights[l]) *
             response;
    }
  }
  return static_cast<float>(sum);
}

NeighbourFilter::NeighbourFilter(
    const Image& image, std::optional<double> color_sigma, int64_t neighbours
)
    : count_(static_cast<size_t>(image.height * image.width)),
      per_pixel_(static_cast<size_t>(neighbours)) {
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
      for (size_t k = 0; k < per_pixel_; ++k) {
        const int64_t to_y = y + kSteps[k].first;
        const int64_t to_x = x + kSteps[k].second;
        if (to_y < 0 || to_y >= image.height || to_x < 0 ||
            to_x >= image.width) {
          others_.push_back(static_cast<uint32_t>(y * image.width + x));
          weights_.push_back(0);
          continue;
        }
        const double distance = k < 4 ? 1 : std::sqrt(2.0);
        others_.push_back(static_cast<uint32_t>(to_y * image.width + to_x));
        weights_.push_back(static_cast<float>(
            weight_of(levels(y, x), levels(to_y, to_x)) / distance
        ));
      }
    }
  }
  taken_.assign(count_, 1);
}

void NeighbourFilter::add(
    const Rows& values, const Rows& /*workspace*/, Range pixels, float* sums
) const {
  const Corners corners{others_.data(), weights_.data(), per_pixel_};
  constexpr size_t kAhead = 8;
  slice_corners(corners, taken_.data(), values, pixels, kAhead, sums);
}

void NeighbourFilter::add_votes(
    size_t pixel, const std::vector<uint8_t>& labels, double* votes
) const {
  for (size_t at = pixel * per_pixel_; at < (pixel + 1) * per_pixel_; ++at) {
    votes[labels[others_[at]]] +=
        static_cast<double>(taken_[pixel] * weights_[at]);
  }
}

void NeighbourFilter::set_scales(Scales scales) {
  for (size_t at = 0; at < others_.size(); ++at) {
    weights_[at] *= scales.given[others_[at]];
  }
  taken_ = std::move(scales.taken);
}

}  // namespace deeplab::crf
