// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "deeplab/core/config_rule.h"

namespace deeplab::engine {

/// The names of all losses, pixel-wise ones first. loss.cpp has their table.
Rule known_losses();

/// One term of the loss, an item of config key `train.loss`. fields() says what
/// each key is for.
struct LossConfig {
  std::string kind = "cross_entropy";
  double weight = 1;
  double label_smoothing = 0;
  double hard_share = 1;
  int64_t hard_ramp = 0;
  std::optional<double> ohem_below;
  int64_t ohem_least = 100000;
  double boundary_weight = 0;
  int64_t boundary_width = 3;
  double gamma = 2;
  double false_weight = 0.3;
  double missed_weight = 0.7;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit(
        "kind", kind, known_losses(),
        "Loss function: cross_entropy and focal are means over pixels, the others compare whole regions class by class."
    );
    visit("weight", weight, at_least(0), "Factor on this term of the loss.");
    visit(
        "label_smoothing", label_smoothing, fraction(),
        "cross_entropy: probability that is taken from the true class and spread evenly over all classes."
    );
    visit(
        "hard_share", hard_share, positive_fraction(),
        "Pixel-wise losses: fraction of pixels with the largest loss that count; 1 counts all.",
        "TensorFlow's DeepLab, top_k_percent_pixels"
    );
    visit(
        "hard_ramp", hard_ramp, at_least(0),
        "Iterations over which the fraction of counted pixels falls from 1 to hard_share.",
        "TensorFlow's DeepLab, hard_example_mining_step"
    );
    visit(
        "ohem_below", ohem_below, positive_fraction(),
        "Pixel-wise losses: only pixels whose true class has a lower probability than this count; null counts all.",
        "Shrivastava et al. 2016, arXiv:1604.03540"
    );
    visit(
        "ohem_least", ohem_least, at_least(1),
        "With ohem_below: at least this many pixels of a batch piece count, those with the lowest probability of their true class."
    );
    visit(
        "boundary_weight", boundary_weight, at_least(0),
        "Pixel-wise losses: a pixel near a boundary of the true labels counts 1 + boundary_weight times."
    );
    visit(
        "boundary_width", boundary_width, between(1, 999),
        "With boundary_weight: largest distance of such a pixel from the boundary, in pixels."
    );
    visit(
        "gamma", gamma, at_least(0),
        "focal: exponent of 1 - p, which lowers the weight of easy pixels.",
        "Lin et al. 2017, arXiv:1708.02002"
    );
    visit(
        "false_weight", false_weight, at_least(0),
        "tversky: weight of false positives.",
        "Salehi et al. 2017, arXiv:1706.05721"
    );
    visit(
        "missed_weight", missed_weight, at_least(0),
        "tversky: weight of false negatives.",
        "Salehi et al. 2017, arXiv:1706.05721"
    );
  }

  bool is_pixelwise() const;
  /// Returns whether pixels are selected by their loss (hard example mining).
  bool mines() const { return hard_share < 1 || ohem_below.has_value(); }

  /// Checks the rules that span several keys.
  /// Throws: ConfigError that names a key under `path`, e.g. "train.loss[0]".
  void check_together(const std::string& path) const;
};

}  // namespace deeplab::engine
