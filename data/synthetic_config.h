// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace deeplab::data {

/// The drawn data set, as config key `data.synthetic`.
struct SyntheticConfig {
  int64_t train_images = 512;
  int64_t val_images = 64;
  int64_t width = 192;
  int64_t height = 144;
  /// Another seed is another data set.
  int64_t seed = 0;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("train_images", train_images);
    visit("val_images", val_images);
    visit("width", width);
    visit("height", height);
    visit("seed", seed);
  }

  /// Throws: ConfigError naming the first key that breaks a rule.
  void validate() const;
};

}  // namespace deeplab::data
