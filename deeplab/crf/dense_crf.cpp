// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/dense_crf.h"

#include <algorithm>
#include <cmath>

#include "deeplab/core/error.h"
#include "deeplab/crf/filters.h"
#include "deeplab/crf/lattice_loops.h"
#include "deeplab/crf/parallel.h"

namespace deeplab::crf {
namespace {

/// Pixels whose messages are worked out together, so that they stay in cache.
constexpr size_t kTogether = 256;

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
  if (!options.color_sigma && !options.features) {
    return std::make_unique<SpatialFilter>(
        image.height, image.width, options.position_sigma
    );
  }
  return std::make_unique<LatticeFilter>(features_of(options, image));
}

Scales scales_for(
    Normalization normalization, const std::vector<float>& sums, double weight
) {
  Scales scales;
  const auto factor = static_cast<float>(weight);
  for (const float sum : sums) {
    // A lattice may leave a point alone; it is its own neighbour at least.
    const float n = std::max(sum, 1e-20F);
    float given = 1;
    float taken = 1;
    if (normalization == Normalization::kSymmetric) {
      given = taken = 1 / std::sqrt(n);
    } else if (normalization == Normalization::kAfter) {
      taken = 1 / n;
    } else if (normalization == Normalization::kBefore) {
      given = 1 / n;
    }
    scales.given.push_back(given);
    scales.taken.push_back(taken * factor);
  }
  return scales;
}

/// Of the highest value, the first of equals.
size_t best_column(const float* row, size_t count) {
  return static_cast<size_t>(std::max_element(row, row + count) - row);
}

}  // namespace

DenseCrf::DenseCrf(const DenseCrfOptions& options, const Image& image)
    : options_(options),
      pixels_(static_cast<size_t>(image.height * image.width)) {
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
    auto scales = scales_for(
        options_.normalization, kernel_sums(*filter, pixels_), kernel.weight
    );
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

DenseCrf::~DenseCrf() = default;
DenseCrf::DenseCrf(DenseCrf&&) noexcept = default;
DenseCrf& DenseCrf::operator=(DenseCrf&&) noexcept = default;

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

MeanField::MeanField(const DenseCrf& crf, const float* energies, size_t labels)
    : crf_(crf),
      labels_(labels),
      kept_(choose_labels(energies, labels)),
      energies_(crf.pixels(), kept_.size()),
      q_(crf.pixels(), kept_.size()) {
  fill(energies);
  for (const auto& kernel : crf.kernels_) {
    workspaces_.push_back(kernel.filter->make_workspace(kept_.size()));
  }
}

/// p <= exp(lowest energy - own), so that a label above it nowhere can go.
std::vector<size_t> MeanField::choose_labels(
    const float* energies, size_t labels
) const {
  crf_.check_labels(labels);
  std::vector<size_t> kept;
  const double drop = crf_.options_.drop_labels_below;
  if (drop == 0) {
    for (size_t l = 0; l < labels; ++l) kept.push_back(l);
    return kept;
  }
  const size_t pixels = crf_.pixels();
  const auto most = static_cast<float>(-std::log(drop));
  std::vector<float> lowest(energies, energies + pixels);
  for (size_t l = 1; l < labels; ++l) {
    const float* own = energies + l * pixels;
    for (size_t i = 0; i < pixels; ++i) lowest[i] = std::min(lowest[i], own[i]);
  }
  for (size_t l = 0; l < labels; ++l) {
    const float* own = energies + l * pixels;
    bool occurs = false;
    for (size_t i = 0; i < pixels && !occurs; ++i) {
      occurs = !(own[i] - lowest[i] > most);
    }
    if (occurs) kept.push_back(l);
  }
  return kept;
}

void MeanField::fill(const float* energies) {
  const size_t pixels = crf_.pixels();
  const size_t labels = q_.labels();
  std::vector<size_t> bad(parts(), pixels);
  parallel_ranges(parts(), [&](Range range) {
    Rows sums(kTogether, labels);
    for (size_t part = range.begin; part < range.end; ++part) {
      const Range own = part_of(part);
      for (size_t l = 0; l < labels; ++l) {
        for (size_t i = own.begin; i < own.end; ++i) {
          const float energy = energies[kept_[l] * pixels + i];
          if (!(std::abs(energy) <= kMostEnergy)) bad[part] = i;
          energies_[i][l] = energy;
        }
      }
      for (size_t i = own.begin; i < own.end; ++i) {
        std::fill(energies_[i] + labels, energies_[i + 1], kImpossible);
      }
      std::fill_n(sums[0], kTogether * sums.width(), 0.0F);
      softmax_rows(
          energies_[own.begin],
          sums[0],
          q_.blocks(),
          own.end - own.begin,
          q_[own.begin]
      );
    }
  });
  const size_t first = *std::min_element(bad.begin(), bad.end());
  if (first == pixels) return;
  throw DataError(str("crf: an energy at pixel ", first, " is not in +-1e20"));
}

size_t MeanField::parts() const {
  return (crf_.pixels() + kTogether - 1) / kTogether;
}

Range MeanField::part_of(size_t part) const {
  const size_t begin = part * kTogether;
  return {begin, std::min(begin + kTogether, crf_.pixels())};
}

void MeanField::read(const Rows& q, std::vector<Rows>& workspaces) const {
  const auto turn = static_cast<size_t>(iterations_);
  for (size_t k = 0; k < workspaces.size(); ++k) {
    crf_.kernels_[k].filter->read(q, turn, workspaces[k]);
  }
}

void MeanField::add_messages(
    const Rows& q, const std::vector<Rows>& workspaces, Range pixels, Rows& sums
) const {
  const size_t count = pixels.end - pixels.begin;
  const size_t labels = q.labels();
  std::fill_n(sums[0], count * sums.width(), 0.0F);
  for (size_t k = 0; k < workspaces.size(); ++k) {
    const auto& kernel = crf_.kernels_[k];
    const auto& table = crf_.options_.kernels[k].compatibility;
    Rows apart(table.empty() ? 0 : count, labels);
    Rows& messages = table.empty() ? sums : apart;
    kernel.filter->add(workspaces[k], pixels, messages[0]);
    if (!kernel.own.empty()) {
      for (size_t i = 0; i < count; ++i) {
        const float own = kernel.own[pixels.begin + i];
        const float* values = q[pixels.begin + i];
        for (size_t l = 0; l < labels; ++l) messages[i][l] -= own * values[l];
      }
    }
    for (size_t i = 0; i < apart.count(); ++i) {
      for (size_t l = 0; l < labels; ++l) {
        if (table.size() == labels_) {
          sums[i][l] += table[kept_[l]] * apart[i][l];
          continue;
        }
        for (size_t m = 0; m < labels; ++m) {
          sums[i][l] += table[kept_[l] * labels_ + kept_[m]] * apart[i][m];
        }
      }
    }
  }
}

double MeanField::step() {
  read(q_, workspaces_);
  // One sum a part, so that the total does not depend on the threads.
  std::vector<double> changes(parts());
  parallel_ranges(parts(), [&](Range range) {
    Rows sums(kTogether, q_.labels());
    for (size_t part = range.begin; part < range.end; ++part) {
      const Range own = part_of(part);
      add_messages(q_, workspaces_, own, sums);
      changes[part] = softmax_rows(
          energies_[own.begin],
          sums[0],
          q_.blocks(),
          own.end - own.begin,
          q_[own.begin]
      );
    }
  });
  ++iterations_;
  double total = 0;
  for (const double change : changes) total += change;
  // What one label lost, another gained.
  return total / 2 / static_cast<double>(crf_.pixels());
}

int64_t MeanField::run() {
  const auto& options = crf_.options();
  int64_t done = 0;
  while (done < options.iterations) {
    ++done;
    if (step() < options.stop_below) break;
  }
  return done;
}

std::vector<float> MeanField::probabilities() const {
  const size_t pixels = crf_.pixels();
  std::vector<float> result(labels_ * pixels);
  parallel_ranges(parts(), [&](Range range) {
    for (size_t part = range.begin; part < range.end; ++part) {
      const Range own = part_of(part);
      for (size_t l = 0; l < q_.labels(); ++l) {
        for (size_t i = own.begin; i < own.end; ++i) {
          result[kept_[l] * pixels + i] = q_[i][l];
        }
      }
    }
  });
  return result;
}

std::vector<uint8_t> MeanField::labels() const {
  std::vector<uint8_t> result(crf_.pixels());
  for (size_t i = 0; i < result.size(); ++i) {
    const size_t best = best_column(q_[i], q_.labels());
    result[i] = static_cast<uint8_t>(kept_[best]);
  }
  return result;
}

double MeanField::kl_divergence() const { return divergence_of(q_); }

double MeanField::map_energy() const {
  Rows certain(q_.count(), q_.labels());
  for (size_t i = 0; i < q_.count(); ++i) {
    certain[i][best_column(q_[i], q_.labels())] = 1;
  }
  return divergence_of(certain);
}

double MeanField::divergence_of(const Rows& q) const {
  std::vector<Rows> workspaces;
  for (const auto& kernel : crf_.kernels_) {
    workspaces.push_back(kernel.filter->make_workspace(q.labels()));
  }
  read(q, workspaces);
  double total = 0;
  Rows sums(kTogether, q.labels());
  for (size_t part = 0; part < parts(); ++part) {
    const Range own = part_of(part);
    add_messages(q, workspaces, own, sums);
    for (size_t i = own.begin; i < own.end; ++i) {
      const float* messages = sums[i - own.begin];
      for (size_t l = 0; l < q.labels(); ++l) {
        const auto p = static_cast<double>(q[i][l]);
        if (p == 0) continue;
        total += p * (std::log(p) + static_cast<double>(energies_[i][l]) -
                      0.5 * static_cast<double>(messages[l]));
      }
    }
  }
  return total;
}

}  // namespace deeplab::crf
