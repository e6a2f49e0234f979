// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "data/dataset.h"
#include "deeplab/core/random.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {

/// How training images are varied, as config key `augment`. Defaults are
/// DeepLabV3's (Chen et al. 2017, arXiv:1706.05587, section 4.1).
struct AugmentConfig {
  double scale_min = 0.5;
  double scale_max = 2.0;
  /// Side of the square that is cut out, in pixels.
  int64_t crop = 513;
  /// Crops that are drawn, at most, until no class has more than
  /// crop_max_share of the pixels that are not void; the last is taken else.
  int64_t crop_tries = 1;
  double crop_max_share = 0.75;
  /// Probability of mirroring left and right.
  double flip = 0.5;
  /// Each a factor drawn from 1 - value to 1 + value; 0: left alone.
  double brightness = 0;
  double contrast = 0;
  double saturation = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("scale_min", scale_min);
    visit("scale_max", scale_max);
    visit("crop", crop);
    visit("crop_tries", crop_tries);
    visit("crop_max_share", crop_max_share);
    visit("flip", flip);
    visit("brightness", brightness);
    visit("contrast", contrast);
    visit("saturation", saturation);
  }

  /// Throws: ConfigError naming the first key that breaks a rule.
  void validate() const;
};

/// Mean and deviation of each channel, RGB in 0..1.
struct Normalization {
  std::vector<double> mean;
  std::vector<double> std;
};

/// Scales, mirrors, cuts a square out and jitters its colours. What the image
/// does not reach is filled with the mean colour and void.
///
/// Shapes: -> image u8 [crop, crop, 3], labels u8 [crop, crop].
RawSample augment(
    const RawSample& sample,
    const AugmentConfig& config,
    const Normalization& normalization,
    Random& random
);

/// Shapes: u8 [H, W, 3], BGR -> float [3, H, W], RGB, normalised.
torch::Tensor to_tensor(
    const cv::Mat& image, const Normalization& normalization
);

/// A sample as networks take it.
Sample to_sample(const RawSample& raw, const Normalization& normalization);

}  // namespace deeplab::data
