// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "deeplab/core/config_io.h"
#include "deeplab/crf/dense_crf.h"

namespace deeplab::apps {

/// A CRF with the papers' two kernels, as a JSON file for `--crf`. Defaults:
/// DeepLabV2's ResNet-101, as released.
struct CrfConfig {
  /// Of position and colour: weight, sigma in pixels and in 8-bit levels.
  double bilateral_weight = 4;
  double bilateral_xy = 67;
  double bilateral_rgb = 3;
  /// Of position alone.
  double spatial_weight = 3;
  double spatial_xy = 1;
  /// 0: all pixels; 4 or 8: the bilateral kernel is between pixels that touch.
  int64_t neighbours = 0;
  int64_t iterations = 10;
  /// "symmetric", "after", "before" or "none".
  std::string normalization = "symmetric";
  /// Whether a pixel sends a message to itself, as the reference has it.
  bool self_term = true;
  /// Labels below this probability at every pixel are left out; 0: none.
  double drop_labels_below = 0;
  /// "lattice" or "exact" (every pair: small images).
  std::string engine = "lattice";

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("bilateral_weight", bilateral_weight);
    visit("bilateral_xy", bilateral_xy);
    visit("bilateral_rgb", bilateral_rgb);
    visit("spatial_weight", spatial_weight);
    visit("spatial_xy", spatial_xy);
    visit("neighbours", neighbours);
    visit("iterations", iterations);
    visit("normalization", normalization);
    visit("self_term", self_term);
    visit("drop_labels_below", drop_labels_below);
    visit("engine", engine);
  }

  /// Throws: ConfigError naming the first key that breaks a rule.
  crf::DenseCrfOptions options() const;
};

/// "resnet101" or "vgg16", the papers' released parameters; "short-range", of
/// pixels that touch alone; or a JSON file.
/// Throws: ConfigError, DataError.
CrfConfig read_crf_config(const std::string& name_or_file);

}  // namespace deeplab::apps
