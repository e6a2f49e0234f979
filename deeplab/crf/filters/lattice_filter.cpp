// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/filters/lattice_filter.h"

#include <algorithm>
#include <cmath>

#include "deeplab/crf/kernels/lattice_loops.h"
#include "deeplab/crf/kernels/parallel.h"

namespace deeplab::crf {
namespace {

/// Returns the first index >= `at` in a list of chains that lies between two
/// chains (or at an end of the list).
size_t chain_boundary(const std::vector<uint32_t>& chains, size_t at) {
  if (at == 0) return 0;
  while (at < chains.size() && (chains[at - 1] & kChainEnd) == 0) {
    ++at;
  }
  return at;
}

/// Does the same as blur_chains() with one number per vertex.
void blur_numbers(
    const std::vector<uint32_t>& chains, Range range, std::vector<float>& values
) {
  float previous = 0;
  for (size_t i = range.begin; i < range.end; ++i) {
    const bool is_last = (chains[i] & kChainEnd) != 0;
    float& value = values[chains[i] & ~kChainEnd];
    const float own = value;
    const float next = is_last ? 0 : values[chains[i + 1] & ~kChainEnd];
    value = own + (previous + next) * 0.5F;
    previous = is_last ? 0 : own;
  }
}

}  // namespace

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
  // Each remainder class of each half is an independent piece of work.
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
          corners, scales_.given.data(), values, halves[half], classes,
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
  const size_t axes = lattice_.axes();
  for (size_t i = 0; i < axes; ++i) {
    const size_t place = turn % 2 == 0 ? i : axes - 1 - i;
    const size_t axis = (place + turn / 2) % axes;
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

/// Repeats the steps of read() and add() with one number per vertex, which is
/// enough if every pixel has the value 1.
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
        corners, scales_.taken.data(), workspace, tile.row(row),
        tile.rows * tile.pitch, sums
    );
    sums += tile.columns * workspace.width();
  }
}

/// Sums the blur's response between all pairs of corners of one simplex.
/// Corners that are m classes apart are connected by m steps along different
/// axes, or by d + 1 - m steps in the opposite direction.
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

}  // namespace deeplab::crf
