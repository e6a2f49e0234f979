// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/dense_crf.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "deeplab/core/error.h"
#include "deeplab/crf/filters/lattice_filter.h"
#include "deeplab/crf/filters/pair_filters.h"
#include "deeplab/crf/filters/spatial_filter.h"
#include "deeplab/crf/kernel_terms.h"
#include "deeplab/crf/kernels/parallel.h"

namespace deeplab::crf {
namespace {

void check_sigma(const std::string& subject, double sigma) {
  if (sigma >= 1e-6 && sigma <= 1e9) return;
  throw ConfigError(
      fmt::format("{} is {}; must be in 1e-6..1e9", subject, sigma)
  );
}

void check_features(
    const std::string& subject, const Features& features, size_t pixels
) {
  if (features.count != pixels || features.dimensions < 1 ||
      features.values.size() != pixels * features.dimensions) {
    throw ConfigError(fmt::format(
        "{}.features has {} numbers for {} pixels with {} dimensions; the image has {} pixels",
        subject, features.values.size(), features.count, features.dimensions,
        pixels
    ));
  }
  for (const float value : features.values) {
    if (std::abs(value) <= 1e15F) continue;
    throw ConfigError(fmt::format(
        "{}.features contains {}; must be in -1e15..1e15", subject, value
    ));
  }
}

/// Returns the factor that makes a lattice's sums match the exact kernel's, in
/// the mean over a sample of pixels. They differ because the blur leaves out
/// vertices that no pixel touches.
double mass_factor(const Features& features, const std::vector<float>& sums) {
  constexpr size_t kPairs = size_t{1} << 26U;
  const size_t pixels = features.count;
  const size_t samples =
      std::min(pixels, std::clamp<size_t>(kPairs / pixels, 64, 1024));
  // Samples are spread over the whole image. The prime exceeds the number of
  // pixels of any lattice, so that no pixel is sampled twice.
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

void check_image(const Image& image) {
  if (image.height >= 1 && image.width >= 1 && image.channels >= 1) return;
  throw ConfigError(fmt::format(
      "crf: the image is {}x{} with {} channels; each must be >= 1",
      image.height, image.width, image.channels
  ));
}

void check_options(const DenseCrfOptions& options) {
  if (options.iterations < 0) {
    throw ConfigError(
        fmt::format("crf.iterations is {}; must be >= 0", options.iterations)
    );
  }
  if (options.drop_labels_below < 0 || options.drop_labels_below >= 1) {
    throw ConfigError(fmt::format(
        "crf.drop_labels_below is {}; must be in [0, 1)",
        options.drop_labels_below
    ));
  }
}

void check_kernel(
    const std::string& subject, const KernelOptions& kernel, size_t pixels
) {
  if (!(std::abs(kernel.weight) <= 1e9)) {
    throw ConfigError(fmt::format(
        "{}.weight is {}; must be in -1e9..1e9", subject, kernel.weight
    ));
  }
  check_sigma(subject + ".position_sigma", kernel.position_sigma);
  check_sigma(subject + ".color_sigma", kernel.color_sigma.value_or(1));
  if (kernel.neighbours != 0 && kernel.neighbours != 4 &&
      kernel.neighbours != 8) {
    throw ConfigError(fmt::format(
        "{}.neighbours is {}; known: 0, 4, 8", subject, kernel.neighbours
    ));
  }
  if (kernel.features) check_features(subject, *kernel.features, pixels);
}

}  // namespace

DenseCrf::DenseCrf(const DenseCrfOptions& options, const Image& image)
    : options_(options),
      pixels_(static_cast<size_t>(image.height * image.width)),
      width_(static_cast<size_t>(image.width)) {
  check_image(image);
  // These are minimum numbers of bytes per pixel: energies and probabilities of
  // two labels, and the corners and weights of a lattice.
  constexpr size_t kTables = 96;
  constexpr size_t kLattice = 48;
  const bool has_lattice = std::any_of(
      options_.kernels.begin(), options_.kernels.end(),
      [&](const auto& kernel) { return needs_lattice(kernel, options_.engine); }
  );
  check_memory(pixels_, kTables + (has_lattice ? kLattice : 0));
  check_options(options_);
  for (size_t k = 0; k < options_.kernels.size(); ++k) {
    check_kernel(
        fmt::format("crf.kernels[{}]", k), options_.kernels[k], pixels_
    );
    kernels_.push_back(make_kernel(options_.kernels[k], image));
  }
}

DenseCrf::Kernel DenseCrf::make_kernel(
    const KernelOptions& kernel, const Image& image
) const {
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
      own.push_back(scales.given[i] * scales.taken[i] * filter->own_weight(i));
    }
  }
  filter->set_scales(std::move(scales));
  return {std::move(filter), std::move(own)};
}

void DenseCrf::check_labels(size_t labels) const {
  constexpr size_t kMostLabels = 256;
  if (labels < 2 || labels > kMostLabels) {
    throw ConfigError(
        fmt::format("crf: {} labels; must be 2 to {}", labels, kMostLabels)
    );
  }
  for (size_t k = 0; k < kernels_.size(); ++k) {
    const size_t given = options_.kernels[k].compatibility.size();
    if (given == 0 || given == labels || given == labels * labels) continue;
    throw ConfigError(fmt::format(
        "crf.kernels[{}].compatibility has {} numbers; expected {} or {}", k,
        given, labels, labels * labels
    ));
  }
}

}  // namespace deeplab::crf
