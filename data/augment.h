// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "data/dataset/dataset.h"
#include "deeplab/core/config_rule.h"
#include "deeplab/core/normalization.h"
#include "deeplab/core/random.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {

/// Settings of the augmentation of training images, config key `augment`.
/// Defaults are DeepLabV3's (Chen et al. 2017, arXiv:1706.05587, section 4.1).
/// fields() says what each key is for.
struct AugmentConfig {
  double scale_min = 0.5;
  double scale_max = 2.0;
  int64_t crop = 513;
  int64_t crop_tries = 1;
  double crop_max_share = 0.75;
  double flip = 0.5;
  double brightness = 0;
  double contrast = 0;
  double saturation = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    constexpr double kMostCrop = 16384;
    visit(
        "scale_min", scale_min, above(0.01),
        "Smallest factor by which an image is scaled.",
        "Chen et al. 2017, arXiv:1706.05587, section 4.1"
    );
    visit(
        "scale_max", scale_max, above(0.01),
        "Largest factor by which an image is scaled; at least scale_min and below 100.",
        "Chen et al. 2017, arXiv:1706.05587, section 4.1"
    );
    visit(
        "crop", crop, between(1, kMostCrop),
        "Side of the square that is cut out, in pixels.",
        "Chen et al. 2017, arXiv:1706.05587, section 4.1"
    );
    visit(
        "crop_tries", crop_tries, between(1, 1000),
        "Largest number of random crops that are tried until no class fills more than crop_max_share; the last one is used in any case.",
        "mmsegmentation, cat_max_ratio"
    );
    visit(
        "crop_max_share", crop_max_share, positive_fraction(),
        "Largest fraction of a crop's pixels, not counting void, that one class may have.",
        "mmsegmentation, cat_max_ratio"
    );
    visit(
        "flip", flip, probability(),
        "Probability of mirroring an image left to right.",
        "Chen et al. 2017, arXiv:1706.05587, section 4.1"
    );
    visit(
        "brightness", brightness, fraction(),
        "Brightness is multiplied by a factor drawn from 1 - value to 1 + value; 0 changes nothing."
    );
    visit(
        "contrast", contrast, fraction(),
        "Contrast is multiplied by a factor drawn from 1 - value to 1 + value; 0 changes nothing."
    );
    visit(
        "saturation", saturation, fraction(),
        "Saturation is multiplied by a factor drawn from 1 - value to 1 + value; 0 changes nothing."
    );
  }

  /// Throws: ConfigError naming the first key that breaks a rule.
  void validate() const;
};

/// Rescales the sample by a random factor, cuts a random square out of it,
/// jitters the colors and mirrors it at random. The part of the square that
/// lies outside the image is filled with the mean color and void.
///
/// Shapes: -> image u8 [crop, crop, 3], labels u8 [crop, crop].
RawSample augment(
    const RawSample& sample,
    const AugmentConfig& config,
    const Normalization& normalization,
    Random& random
);

/// Converts a decoded sample to the normalized tensors that networks take.
Sample to_sample(const RawSample& raw, const Normalization& normalization);

}  // namespace deeplab::data
