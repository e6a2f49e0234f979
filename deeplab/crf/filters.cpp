// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/filters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "deeplab/core/error.h"
#include "deeplab/crf/lattice_loops.h"
#include "deeplab/crf/parallel.h"

namespace deeplab::crf {
namespace {

Scales unit_scales(size_t count) {
  return {std::vector<float>(count, 1), std::vector<float>(count, 1)};
}

/// A place in a list of chains where one ends, not before `at`.
size_t chain_boundary(const std::vector<uint32_t>& chains, size_t at) {
  if (at == 0) return 0;
  while (at < chains.size() &&
         (chains[at - 1] & PermutohedralLattice::kChainEnd) == 0) {
    ++at;
  }
  return at;
}

}  // namespace

std::vector<float> kernel_sums(const Filter& filter, size_t pixels) {
  Rows ones(pixels, 1);
  for (size_t i = 0; i < pixels; ++i) ones[i][0] = 1;
  Rows sums(pixels, 1);
  auto workspace = filter.make_workspace(1);
  for (size_t turn = 0; turn < filter.turns(); ++turn) {
    filter.read(ones, turn, workspace);
    parallel_ranges(pixels, [&](Range range) {
      filter.add(workspace, range, sums[range.begin]);
    });
  }
  std::vector<float> result(pixels);
  for (size_t i = 0; i < pixels; ++i) {
    result[i] = sums[i][0] / static_cast<float>(filter.turns());
  }
  return result;
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
      scales_(unit_scales(count_)) {
  constexpr float kFarAway = 1e18F;
  for (size_t d = 0; d < features.dimensions; ++d) {
    float* row = coordinates_[d];
    for (size_t i = 0; i < count_; ++i) {
      row[i] = features.values[i * features.dimensions + d];
    }
    std::fill(row + count_, row + coordinates_.width(), kFarAway);
  }
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

void ExactFilter::add(const Rows& workspace, Range pixels, float* sums) const {
  for (size_t i = pixels.begin; i < pixels.end; ++i) {
    add_all_pairs({coordinates_, i}, workspace, scales_.taken[i], sums);
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
    : lattice_(features),
      given_(lattice_.weights()),
      taken_(lattice_.weights()) {}

Rows LatticeFilter::make_workspace(size_t labels) const {
  return {lattice_.vertices(), labels};
}

void LatticeFilter::read(const Rows& values, size_t turn, Rows& workspace)
    const {
  const Corners corners{
      lattice_.corners().data(), given_.data(), lattice_.axes()};
  parallel_ranges(lattice_.axes(), [&](Range classes) {
    std::fill(
        workspace[lattice_.vertices_of(classes.begin).begin],
        workspace[lattice_.vertices_of(classes.end - 1).end],
        0.0F
    );
    splat_corners(corners, values, classes, workspace);
  });
  for (size_t i = 0; i < lattice_.axes(); ++i) {
    const size_t axis = turn % 2 == 0 ? i : lattice_.axes() - 1 - i;
    const auto& chains = lattice_.chains(axis);
    parallel_ranges(chains.size(), [&](Range range) {
      const Range whole{
          chain_boundary(chains, range.begin),
          chain_boundary(chains, range.end)};
      blur_chains(chains.data(), whole, workspace);
    });
  }
}

void LatticeFilter::add(const Rows& workspace, Range pixels, float* sums)
    const {
  const Corners corners{
      lattice_.corners().data(), taken_.data(), lattice_.axes()};
  slice_corners(corners, workspace, pixels, sums);
}

/// The blur's response from corner to corner of one simplex: m classes apart is
/// m steps along different axes, or d + 1 - m the other way.
float LatticeFilter::own_weight(size_t pixel) const {
  const size_t axes = lattice_.axes();
  const float* weights = &lattice_.weights()[pixel * axes];
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

void LatticeFilter::set_scales(Scales scales) {
  const size_t axes = lattice_.axes();
  const float* weights = lattice_.weights().data();
  parallel_ranges(lattice_.points(), [&](Range range) {
    for (size_t i = range.begin; i < range.end; ++i) {
      for (size_t at = i * axes; at < (i + 1) * axes; ++at) {
        given_[at] = weights[at] * scales.given[i];
        taken_[at] = weights[at] * scales.taken[i];
      }
    }
  });
}

SpatialFilter::SpatialFilter(int64_t height, int64_t width, double sigma)
    : height_(height),
      width_(width),
      radius_(static_cast<int64_t>(std::min(
          static_cast<double>(std::max(height, width) - 1), std::ceil(4 * sigma)
      ))),
      scales_(unit_scales(static_cast<size_t>(height * width))) {
  for (int64_t t = -radius_; t <= radius_; ++t) {
    const double apart = static_cast<double>(t) / sigma;
    taps_.push_back(static_cast<float>(std::exp(-0.5 * apart * apart)));
  }
}

Rows SpatialFilter::make_workspace(size_t labels) const {
  return {static_cast<size_t>(height_ * pitch()), labels};
}

void SpatialFilter::read(const Rows& values, size_t /*turn*/, Rows& workspace)
    const {
  parallel_ranges(static_cast<size_t>(height_), [&](Range range) {
    for (size_t y = range.begin; y < range.end; ++y) {
      const size_t first = y * static_cast<size_t>(width_);
      filter_row(
          {taps_.data(), radius_},
          &scales_.given[first],
          values[first],
          width_,
          values.blocks(),
          workspace[y * static_cast<size_t>(pitch())]
      );
    }
  });
}

void SpatialFilter::add(const Rows& workspace, Range pixels, float* sums)
    const {
  std::vector<const float*> rows(static_cast<size_t>(2 * radius_ + 1));
  const auto end = static_cast<int64_t>(pixels.end);
  for (auto at = static_cast<int64_t>(pixels.begin); at < end;) {
    const int64_t y = at / width_;
    const int64_t x = at % width_;
    const int64_t count = std::min(width_ - x, end - at);
    for (int64_t t = -radius_; t <= radius_; ++t) {
      const bool inside = y + t >= 0 && y + t < height_;
      rows[static_cast<size_t>(t + radius_)] =
          inside ? workspace[static_cast<size_t>((y + t) * pitch() + x)]
                 : nullptr;
    }
    add_filtered_column(
        {taps_.data(), radius_},
        rows.data(),
        &scales_.taken[static_cast<size_t>(at)],
        count,
        workspace.blocks(),
        sums
    );
    sums += static_cast<size_t>(count) * workspace.width();
    at += count;
  }
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
  scaled_ = weights_;
}

Rows NeighbourFilter::make_workspace(size_t labels) const {
  return {count_, labels};
}

void NeighbourFilter::read(const Rows& values, size_t /*turn*/, Rows& workspace)
    const {
  parallel_ranges(count_, [&](Range range) {
    std::copy(values[range.begin], values[range.end], workspace[range.begin]);
  });
}

void NeighbourFilter::add(const Rows& workspace, Range pixels, float* sums)
    const {
  const Corners corners{others_.data(), scaled_.data(), per_pixel_};
  slice_corners(corners, workspace, pixels, sums);
}

void NeighbourFilter::add_votes(
    size_t pixel, const std::vector<uint8_t>& labels, double* votes
) const {
  for (size_t at = pixel * per_pixel_; at < (pixel + 1) * per_pixel_; ++at) {
    votes[labels[others_[at]]] += static_cast<double>(scaled_[at]);
  }
}

void NeighbourFilter::set_scales(Scales scales) {
  for (size_t i = 0; i < count_; ++i) {
    for (size_t at = i * per_pixel_; at < (i + 1) * per_pixel_; ++at) {
      scaled_[at] = weights_[at] * scales.taken[i] * scales.given[others_[at]];
    }
  }
}

}  // namespace deeplab::crf
