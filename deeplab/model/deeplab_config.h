// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deeplab/backbone/backbone_options.h"
#include "deeplab/core/output_stride.h"

namespace deeplab::model {

/// Atrous spatial pyramid pooling, as config key `model.aspp`.
struct AsppConfig {
  /// "concat" (V3: batch norm, image pooling, projection) or "sum" (V2: each
  /// branch has scores of its own).
  std::string fusion = "concat";
  /// Dilations of the 3x3 branches at output stride `rates_at`; at half of it
  /// they double. Source: Chen et al. 2017, section 3.3.
  std::vector<int64_t> rates = {6, 12, 18};
  int64_t rates_at = 16;
  /// Of concat's branches and output.
  int64_t channels = 256;
  bool image_pooling = true;
  /// Image pooling first in the concatenation, as TensorFlow; else last.
  bool image_pooling_first = false;
  bool separable = false;
  /// Separable convolutions between depthwise and pointwise: "bn_relu"
  /// (TensorFlow, mmsegmentation), or "none" (VainF, SMP).
  std::string after_depthwise = "bn_relu";
  /// Side of the projection's kernel: 1, or mmsegmentation's 3.
  int64_t project_kernel = 1;
  /// 3x3 convolutions after the projection (SMP's DeepLabV3+: 1).
  int64_t convs = 0;
  double dropout = 0.1;
  /// Width of each branch's fc6 and fc7 with fusion "sum"; unset: branches go
  /// straight to scores.
  std::optional<int64_t> hidden_channels;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("fusion", fusion);
    visit("rates", rates);
    visit("rates_at", rates_at);
    visit("channels", channels);
    visit("image_pooling", image_pooling);
    visit("image_pooling_first", image_pooling_first);
    visit("separable", separable);
    visit("after_depthwise", after_depthwise);
    visit("project_kernel", project_kernel);
    visit("convs", convs);
    visit("dropout", dropout);
    visit("hidden_channels", hidden_channels);
  }
};

/// VGG-16's fc6 and fc7 as convolutions, as config key `model.large_fov`.
/// Defaults: DeepLabV1's LargeFOV (Chen et al. 2014, table 2, last row).
struct LargeFovConfig {
  /// Side of fc6: 3, 4 or 7 in the paper.
  int64_t kernel = 3;
  /// Dilation of fc6 at output stride `rate_at`.
  int64_t rate = 12;
  int64_t rate_at = 8;
  int64_t channels = 1024;
  double dropout = 0.5;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("kernel", kernel);
    visit("rate", rate);
    visit("rate_at", rate_at);
    visit("channels", channels);
    visit("dropout", dropout);
  }
};

/// PSPNet's context, as config key `model.pyramid_pooling`.
struct PyramidPoolingConfig {
  std::vector<int64_t> bins = {1, 2, 3, 6};

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("bins", bins);
  }
};

/// What every decoder can be told, as config key `model.decoder_options`.
struct DecoderConfig {
  /// Width that v3plus reduces low-level features to.
  int64_t low_level_channels = 48;
  /// v3plus: [low, context] instead of [context, low], as VainF.
  bool low_level_first = false;
  /// v3plus: 1 joins stride 4, 2 joins strides 8 and 4. Source: Chen et al.
  /// 2018, table 2 (Conv2, Conv2 + Conv3).
  int64_t levels = 1;
  /// Width of the convolutions; unet halves it from level to level.
  int64_t channels = 256;
  /// Number of convolutions (unet: at each level); unset: 0 for none, 2 for
  /// v3plus and unet. With 1, `none` is torchvision's DeepLabV3 head.
  std::optional<int64_t> convs;
  /// Side of their kernels.
  int64_t kernel = 3;
  bool separable = false;
  /// As model.aspp.after_depthwise.
  std::string after_depthwise = "bn_relu";
  /// Probability of dropping an element after each convolution, the last
  /// before the classifier; empty: none.
  std::vector<double> dropout;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("low_level_channels", low_level_channels);
    visit("low_level_first", low_level_first);
    visit("levels", levels);
    visit("channels", channels);
    visit("convs", convs);
    visit("kernel", kernel);
    visit("separable", separable);
    visit("after_depthwise", after_depthwise);
    visit("dropout", dropout);
  }
};

/// A network, as config key `model`: backbone, context, decoder. The number of
/// classes is the data set's.
struct DeepLabConfig {
  /// One of the table in backbone/backbone.cpp.
  std::string backbone = "mobilenet_v2";
  backbone::BackboneOptions backbone_options;
  /// "aspp", "large_fov", "pyramid_pooling" or "none".
  std::string context = "aspp";
  AsppConfig aspp;
  LargeFovConfig large_fov;
  PyramidPoolingConfig pyramid_pooling;
  /// "none" (bilinear), "v3plus", "unet", "fcn32s", "fcn16s" or "fcn8s".
  std::string decoder = "v3plus";
  DecoderConfig decoder_options;
  /// Sizes of the image, 1 among them, whose scores are fused by their maximum,
  /// in training too; empty: 1 alone. Source: Chen et al. 2016, section 4.1.2.
  std::vector<double> scales;
  /// Weight of the loss of a second, smaller head on the backbone's stride-16
  /// stage; unset: no such head. Source: Zhao et al. 2017, section 3.3 (0.4).
  std::optional<double> auxiliary_weight;
  /// "batch", or "group": statistics of each image alone, for small batches.
  /// Source: Wu and He 2018, arXiv:1803.08494.
  std::string norm = "batch";
  /// Groups of channels with "group"; where a layer's channels do not divide
  /// by it, their greatest common divisor.
  int64_t norm_groups = 32;
  /// How bilinear resizing aligns the maps: TensorFlow true, others false.
  bool align_corners = false;
  /// Added to the variance in every batch norm that is not the backbone's.
  double batch_norm_eps = 1e-5;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("backbone", backbone);
    visit("backbone_options", backbone_options);
    visit("context", context);
    visit("aspp", aspp);
    visit("large_fov", large_fov);
    visit("pyramid_pooling", pyramid_pooling);
    visit("decoder", decoder);
    visit("decoder_options", decoder_options);
    visit("scales", scales);
    visit("auxiliary_weight", auxiliary_weight);
    visit("norm", norm);
    visit("norm_groups", norm_groups);
    visit("align_corners", align_corners);
    visit("batch_norm_eps", batch_norm_eps);
  }

  /// Throws: ConfigError naming the first key that breaks a rule.
  void validate() const;

  /// Throws: ConfigError that begins with `subject`, for a stride that the
  ///         backbone does not reach.
  void check_output_stride(OutputStride stride, const std::string& subject)
      const;
};

}  // namespace deeplab::model
