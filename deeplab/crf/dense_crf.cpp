// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/dense_crf.h"

#include <algorithm>
#include <cmath>

#include "deeplab/core/error.h"
#include "deeplab/crf/filters.h"
#include "deeplab/crf/lattice_filter.h"
#include "deeplab/crf/parallel.h"
#include "deeplab/crf/spatial_filter.h"

namespace deeplab::crf {
namespace {

void check_sigma(const std::string& subject, double sigma) {
  if (sigma >= 1e-6 && sigma <= 1e9) return;
  throw ConfigError(str(subject, " is ", sigma, "; must be in 1e-6..1e9"));
}

void check_features(
    const std::string& subject, const Features& features, size_t pixels
) {
  if (features.count != pixels || features.dimensions < 1 ||
      features.values.size() != pixels * features.dimensions) {
    throw ConfigError(
        str(subject,
            ".features are ",
            features.values.size(),
            " numbers for ",
            features.count,
            " pixels of ",
            features.dimensions,
            " dimensions; the image has ",
            pixels,
            " pixels")
    );
  }
  for (const float value : features.values) {
    if (std::abs(value) <= 1e15F) continue;
    throw ConfigError(
        str(subject, ".features hold ", value, "; must be in +-1e15")
    );
  }
}

Features features_of(const KernelOptions& options, const Image& image) {
  if (options.features) return *options.features;
  Features features;
  features.count = static_cast<size_t>(image.height * image.width);
  const auto channels = static_cast<size_t>(image.channels);
  const size_t dimensions = 2 + (options.color_sigma ? channels : 0);
  features.dimensions = dimensions;
  features.values.resize(features.count * dimensions);
  const double per_pixel = 1 / options.position_sigma;
  const double per_level = 1 / options.color_sigma.value_or(1);
  const auto width = static_cast<size_t>(image.width);
  parallel_ranges(static_cast<size_t>(image.height), [&](Range range) {
    float* value = &features.values[range.begin * width * dimensions];
    const uint8_t* levels = image.pixels + range.begin * width * channels;
    for (size_t y = range.begin; y < range.end; ++y) {
      for (size_t x = 0; x < width; ++x, levels += channels) {
        *value++ = static_cast<float>(static_cast<double>(x) * per_pixel);
        *value++ = static_cast<float>(static_cast<double>(y) * per_pixel);
        for (size_t c = 0; c + 2 < dimensions; ++c) {
          *value++ = static_cast<float>(levels[c] * per_level);
        }
      }
    }
  });
  return features;
}

/// What a lattice's sums must be multiplied by to be the kernel's, by the exact
/// sums of some of the pixels: its blur leaves out vertices that no pixel
/// touches.
double mass_factor(const Features& features, const std::vector<float>& sums) {
  constexpr size_t kPairs = size_t{1} << 26U;
  const size_t pixels = features.count;
  const size_t samples =
      std::min(pixels, std::clamp<size_t>(kPairs / pixels, 64, 1024));
  // All over the image; a prime above the number of any lattice's pixels, so
  // that no pixel comes twice.
  const auto sample = [&](size_t index) {
    constexpr uint64_t kPrime = 2654435761U;
    return static_cast<size_t>(index * kPrime % pixels);
  };
  const ExactFilter exact(features);
  auto ones = exact.make_workspace(1);
  for (size_t i = 0; i < pixels; ++i) ones[i][0] = 1;
  Rows exact_sums(samples, 1);
  parallel_ranges(samples, [&](Range range) {
    for (size_t i = range.begin; i < range.end; ++i) {
      exact.add(ones, ones, {sample(i), sample(i) + 1}, exact_sums[i]);
    }
  });
  double whole = 0;
  double there = 0;
  for (size_t i = 0; i < samples; ++i) {
    whole += static_cast<double>(exact_sums[i][0]);
    there += static_cast<double>(sums[sample(i)]);
  }
  return whole / there;
}

bool needs_lattice(const KernelOptions& options, Engine engine) {
  return options.neighbours == 0 && engine == Engine::kLattice &&
         (options.color_sigma || options.features);
}

std::unique_ptr<Filter> make_filter(
    const KernelOptions& options, Engine engine, const Image& image
) {
  if (options.neighbours != 0) {
    return std::make_unique<NeighbourFilter>(
        image, options.color_sigma, options.neighbours
    );
  }
  if (engine == Engine::kExact) {
    return std::make_unique<ExactFilter>(features_of(options, image));
  }
  if (needs_lattice(options, engine)) {
    return std::make_unique<LatticeFilter>(features_of(options, image));
  }
  return std::make_unique<SpatialFilter>(
      image.height, image.width, options.position_sigma
  );
}

Scales scales_for(
    Normalization normalization, const std::vector<float>& sums, double weight
) {
  Scales scales{std::vector<float>(sums.size(), 1), {}};
  scales.taken = scales.given;
  const auto factor = static_cast<float>(weight);
  parallel_ranges(sums.size(), [&](Range range) {
    for (size_t i = range.begin; i < range.end; ++i) {
      // A lattice may leave a point alone; it is its own neighbour at least.
      const float n = std::max(sums[i], 1e-20F);
      float& given = scales.given[i];
      float& taken = scales.taken[i];
      if (normalization == Normalization::kSymmetric) {
        given = taken = 1 / std::sqrt(n);
      } else if (normalization == Normalization::kAfter) {
        taken = 1 / n;
      } else if (normalization == Normalization::kBefore) {
        given = 1 / n;
      }
      taken *= factor;
    }
  });
  return scales;
}

}  // namespace

DenseCrf::DenseCrf(const DenseCrfOptions& options, const Image& image)
    : options_(options),
      pixels_(static_cast<size_t>(image.height * image.width)),
      width_(static_cast<size_t>(image.width)) {
  if (image.height < 1 || image.width < 1 || image.channels < 1) {
    throw ConfigError(
        str("crf: an image of ",
            image.height,
            "x",
            image.width,
            " with ",
            image.channels,
            " channels; each must be >= 1")
    );
  }
  // Energies and probabilities of two labels; a lattice's corners and weights.
  constexpr size_t kTables = 96;
  constexpr size_t kLattice = 48;
  const bool has_lattice = std::any_of(
      options_.kernels.begin(),
      options_.kernels.end(),
      [&](const auto& kernel) { return needs_lattice(kernel, options_.engine); }
  );
  check_memory(pixels_, kTables + (has_lattice ? kLattice : 0));
  if (options_.iterations < 0) {
    throw ConfigError(
        str("crf.iterations is ", options_.iterations, "; must be >= 0")
    );
  }
  if (options_.drop_labels_below < 0 || options_.drop_labels_below >= 1) {
    throw ConfigError(
        str("crf.drop_labels_below is ",
            options_.drop_labels_below,
            "; must be in [0, 1)")
    );
  }
  for (size_t k = 0; k < options_.kernels.size(); ++k) {
    const auto& kernel = options_.kernels[k];
    const auto subject = str("crf.kernels[", k, "]");
    if (!(std::abs(kernel.weight) <= 1e9)) {
      throw ConfigError(
          str(subject, ".weight is ", kernel.weight, "; must be in +-1e9")
      );
    }
    check_sigma(subject + ".position_sigma", kernel.position_sigma);
    check_sigma(subject + ".color_sigma", kernel.color_sigma.value_or(1));
    if (kernel.neighbours != 0 && kernel.neighbours != 4 &&
        kernel.neighbours != 8) {
      throw ConfigError(
          str(subject, ".neighbours is ", kernel.neighbours, "; known: 0, 4, 8")
      );
    }
    if (kernel.features) check_features(subject, *kernel.features, pixels_);
    auto filter = make_filter(kernel, options_.engine, image);
    const auto sums = filter->sums(pixels_);
    double weight = kernel.weight;
    if (options_.normalization == Normalization::kNone &&
        needs_lattice(kernel, options_.engine)) {
      weight *= mass_factor(features_of(kernel, image), sums);
    }
    auto scales = scales_for(options_.normalization, sums, weight);
    std::vector<float> own;
    if (options_.self_term == SelfTerm::kLeftOut) {
      for (size_t i = 0; i < pixels_; ++i) {
        own.push_back(
            scales.given[i] * scales.taken[i] * filter->own_weight(i)
        );
      }
    }
    filter->set_scales(std::move(scales));
    kernels_.push_back({std::move(filter), std::move(own)});
  }
}

void DenseCrf::check_labels(size_t labels) const {
  constexpr size_t kMostLabels = 256;
  if (labels < 2 || labels > kMostLabels) {
    throw ConfigError(str("crf: ", labels, " labels; takes 2 to ", kMostLabels)
    );
  }
  for (size_t k = 0; k < kernels_.size(); ++k) {
    const size_t given = options_.kernels[k].compatibility.size();
    if (given == 0 || given == labels || given == labels * labels) continue;
    throw ConfigError(
        str("crf.kernels[",
            k,
            "].compatibility has ",
            given,
            " numbers; expected ",
            labels,
            " or ",
            labels * labels)
    );
  }
}

}  // namespace deeplab::crf
