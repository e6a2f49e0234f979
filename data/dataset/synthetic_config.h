// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "deeplab/core/config_rule.h"

namespace deeplab::data {

/// The drawn data set, as config key `data.synthetic`. fields() says what each
/// key is for.
struct SyntheticConfig {
  int64_t train_images = 512;
  int64_t val_images = 64;
  int64_t width = 192;
  int64_t height = 144;
  int64_t seed = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    constexpr double kMostImages = 1000000;
    constexpr double kLeastSide = 32;
    constexpr double kMostSide = 4096;
    visit(
        "train_images", train_images, between(1, kMostImages),
        "Number of training images."
    );
    visit(
        "val_images", val_images, between(1, kMostImages),
        "Number of validation images."
    );
    visit(
        "width", width, between(kLeastSide, kMostSide),
        "Width of the images, in pixels."
    );
    visit(
        "height", height, between(kLeastSide, kMostSide),
        "Height of the images, in pixels."
    );
    visit(
        "seed", seed, at_least(0),
        "Seed of the generator; each seed gives another data set."
    );
  }
};

}  // namespace deeplab::data
