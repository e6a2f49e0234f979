// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace deeplab::model {

/// Atrous spatial pyramid pooling, as config key `model.aspp`.
struct AsppConfig {
  /// Dilations of the 3x3 branches at output stride 16; at 8 they double, at
  /// 32 they halve. Source: Chen et al. 2017, section 3.3.
  std::vector<int64_t> rates = {6, 12, 18};
  int64_t channels = 256;
  bool image_pooling = true;
  bool separable = false;
  double dropout = 0.1;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("rates", rates);
    visit("channels", channels);
    visit("image_pooling", image_pooling);
    visit("separable", separable);
    visit("dropout", dropout);
  }
};

/// What every decoder can be told, as config key `model.decoder_options`.
struct DecoderConfig {
  /// Width that v3plus reduces the low-level features to.
  int64_t low_level_channels = 48;
  int64_t channels = 256;
  /// Number of 3x3 convolutions; unset: 2 for v3plus, 0 for none. With 1,
  /// `none` is torchvision's DeepLabV3 head.
  std::optional<int64_t> convs;
  bool separable = false;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("low_level_channels", low_level_channels);
    visit("channels", channels);
    visit("convs", convs);
    visit("separable", separable);
  }
};

/// A network, as config key `model`. The number of classes is the data set's.
struct DeepLabConfig {
  /// One of the table in backbone/backbone.cpp.
  std::string backbone = "mobilenet_v2";
  AsppConfig aspp;
  /// "none" (DeepLabV3) or "v3plus".
  std::string decoder = "v3plus";
  DecoderConfig decoder_options;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("backbone", backbone);
    visit("aspp", aspp);
    visit("decoder", decoder);
    visit("decoder_options", decoder_options);
  }

  /// Throws: ConfigError naming the first key that breaks a rule.
  void validate() const;
};

}  // namespace deeplab::model
