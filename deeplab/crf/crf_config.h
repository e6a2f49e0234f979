// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "deeplab/core/config_rule.h"
#include "deeplab/crf/dense_crf.h"

namespace deeplab::crf {

/// The rules for the names of the enums Normalization and Engine.
Rule known_normalizations();
Rule known_engines();

/// A CRF with the papers' two kernels, as config key `evaluate.crf` and as a
/// JSON file. Defaults: DeepLabV2's ResNet-101, as released. fields() says what
/// each key is for.
struct CrfConfig {
  double bilateral_weight = 4;
  double bilateral_xy = 67;
  double bilateral_rgb = 3;
  double spatial_weight = 3;
  double spatial_xy = 1;
  int64_t neighbours = 0;
  int64_t iterations = 10;
  std::string normalization = "symmetric";
  bool self_term = true;
  double drop_labels_below = 0;
  std::string engine = "lattice";

  template <class Visitor>
  void fields(Visitor& visit) {
    constexpr const char* kPaper =
        "Chen et al. 2016, arXiv:1606.00915, section 3.3";
    constexpr double kLeastSigma = 1e-6;
    constexpr double kMostSigma = 1e9;
    const auto sigma = between(kLeastSigma, kMostSigma);
    visit(
        "bilateral_weight", bilateral_weight,
        "Weight of the bilateral kernel, over position and colour (w1).", kPaper
    );
    visit(
        "bilateral_xy", bilateral_xy, sigma,
        "Standard deviation of its position, in pixels.", kPaper
    );
    visit(
        "bilateral_rgb", bilateral_rgb, sigma,
        "Standard deviation of its colour, in 8-bit levels.", kPaper
    );
    visit(
        "spatial_weight", spatial_weight,
        "Weight of the spatial kernel, over position only (w2); 0 disables it.",
        kPaper
    );
    visit(
        "spatial_xy", spatial_xy, sigma,
        "Standard deviation of its position, in pixels.", kPaper
    );
    visit(
        "neighbours", neighbours, one_of_numbers({0, 4, 8}),
        "0: the bilateral kernel connects all pixels; 4 or 8: only each pixel with its 4 or 8 adjacent pixels (the short-range CRF).",
        "Boykov and Jolly 2001, Interactive Graph Cuts, section 2.4"
    );
    visit(
        "iterations", iterations, between(0, 10000),
        "Number of mean-field iterations.", kPaper
    );
    visit(
        "normalization", normalization, known_normalizations(),
        "How a kernel is divided by its sums over all pixels.",
        "Kraehenbuehl and Koltun 2013, section 3.2"
    );
    visit(
        "self_term", self_term,
        "Whether a pixel sends a message to itself, as in the authors' code; the paper excludes it."
    );
    visit(
        "drop_labels_below", drop_labels_below, fraction(),
        "Labels whose probability is below this at every pixel are dropped; 0 keeps all."
    );
    visit(
        "engine", engine, known_engines(),
        "lattice: the permutohedral lattice; exact: every pair of pixels (small images)."
    );
  }

  /// Throws: ConfigError naming the first key that breaks a rule.
  DenseCrfOptions options() const;
};

/// Reads a CRF's config. `name_or_file` is "resnet101" or "vgg16" for the
/// parameters released with the papers, "short-range" for a CRF between
/// adjacent pixels only, or a JSON file.
/// Throws: ConfigError if the name is unknown or a key breaks a rule; DataError
///         if the file cannot be read.
CrfConfig read_crf_config(const std::string& name_or_file);

}  // namespace deeplab::crf
