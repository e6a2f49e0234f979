// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deeplab/backbone/backbone_options.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/config_rule.h"
#include "deeplab/core/output_stride.h"

namespace deeplab::model {

/// The names of all alignments, context modules and decoders (their tables:
/// parts.cpp), and of all backbones (backbone/backbone.cpp).
Rule known_alignments();
Rule known_contexts();
Rule known_decoders();
Rule known_backbones();

/// Atrous spatial pyramid pooling, as config key `model.aspp`. In this file,
/// fields() says what each key is for.
struct AsppConfig {
  std::string fusion = "concat";
  std::vector<int64_t> rates = {6, 12, 18};
  int64_t rates_at = 16;
  int64_t channels = 256;
  bool image_pooling = true;
  bool image_pooling_first = false;
  bool separable = false;
  std::string after_depthwise = "bn_relu";
  int64_t project_kernel = 1;
  int64_t convs = 0;
  double dropout = 0.1;
  std::optional<int64_t> hidden_channels;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit(
        "fusion", fusion, one_of({"concat", "sum"}),
        "concat: DeepLabV3's, with batch norm, image pooling and a projection; sum: DeepLabV2's, which sums the class scores of the branches.",
        "Chen et al. 2017, arXiv:1706.05587, section 3.3"
    );
    visit(
        "rates", rates, between(1, 4096),
        "Dilations of the 3x3 branches at output stride rates_at; at half of that stride they double.",
        "Chen et al. 2017, arXiv:1706.05587, section 3.3"
    );
    visit(
        "rates_at", rates_at, output_strides(),
        "Output stride for which rates is given."
    );
    visit(
        "channels", channels, between(1, 65536),
        "concat: channels of each branch and of the output.",
        "Chen et al. 2017, arXiv:1706.05587, section 3.3"
    );
    visit(
        "image_pooling", image_pooling,
        "concat: whether image pooling, the mean of the whole feature map, is one of the branches.",
        "Chen et al. 2017, arXiv:1706.05587, section 3.3"
    );
    visit(
        "image_pooling_first", image_pooling_first,
        "concat: whether image pooling comes first in the concatenation (TensorFlow) instead of last."
    );
    visit(
        "separable", separable,
        "concat: whether the 3x3 branches are depthwise separable.",
        "Chen et al. 2018, arXiv:1802.02611, section 3.1"
    );
    visit(
        "after_depthwise", after_depthwise, one_of({"bn_relu", "none"}),
        "What is between the depthwise and the pointwise part of a separable convolution: batch norm and ReLU (TensorFlow, mmsegmentation), or nothing (VainF, SMP)."
    );
    visit(
        "project_kernel", project_kernel, odd(),
        "concat: kernel size of the projection; mmsegmentation has 3."
    );
    visit(
        "convs", convs, between(0, 100),
        "concat: number of 3x3 convolutions after the projection; SMP's DeepLabV3+ has 1."
    );
    visit(
        "dropout", dropout, fraction(),
        "Probability of dropping an element of the output in training."
    );
    visit(
        "hidden_channels", hidden_channels, between(1, 65536),
        "sum: channels of each branch's fc6 and fc7; null: each branch is a single convolution that outputs scores.",
        "Chen et al. 2016, arXiv:1606.00915, figure 7"
    );
  }
};

/// VGG-16's fc6 and fc7 as convolutions, as config key `model.large_fov`.
/// Defaults: DeepLabV1's LargeFOV (Chen et al. 2014, table 2, last row).
struct LargeFovConfig {
  int64_t kernel = 3;
  int64_t rate = 12;
  int64_t rate_at = 8;
  int64_t channels = 1024;
  double dropout = 0.5;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit(
        "kernel", kernel, between(1, 101),
        "Kernel size of fc6: 3, 4 or 7 in the paper.",
        "Chen et al. 2014, arXiv:1412.7062, table 2"
    );
    visit(
        "rate", rate, between(1, 4096),
        "Dilation of fc6 at output stride rate_at.",
        "Chen et al. 2014, arXiv:1412.7062, table 2"
    );
    visit(
        "rate_at", rate_at, output_strides(),
        "Output stride for which rate is given."
    );
    visit(
        "channels", channels, between(1, 65536), "Channels of fc6 and fc7.",
        "Chen et al. 2014, arXiv:1412.7062, section 4.1"
    );
    visit(
        "dropout", dropout, fraction(),
        "Probability of dropping an element after fc6 and after fc7."
    );
  }
};

/// PSPNet's context module, as config key `model.pyramid_pooling`.
struct PyramidPoolingConfig {
  std::vector<int64_t> bins = {1, 2, 3, 6};

  template <class Visitor>
  void fields(Visitor& visit) {
    visit(
        "bins", bins, between(1, 1024).non_empty(),
        "Sides of the grids over which the feature map is averaged.",
        "Zhao et al. 2017, arXiv:1612.01105, section 3.2"
    );
  }
};

/// Settings of the decoder, config key `model.decoder_options`.
struct DecoderConfig {
  int64_t low_level_channels = 48;
  bool low_level_first = false;
  int64_t levels = 1;
  int64_t channels = 256;
  std::optional<int64_t> convs;
  int64_t kernel = 3;
  bool separable = false;
  std::string after_depthwise = "bn_relu";
  std::vector<double> dropout;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit(
        "low_level_channels", low_level_channels, between(1, 65536),
        "v3plus: number of channels to which the low-level features are reduced.",
        "Chen et al. 2018, arXiv:1802.02611, table 1"
    );
    visit(
        "low_level_first", low_level_first,
        "v3plus: whether the low-level features come first in the concatenation (VainF) instead of last."
    );
    visit(
        "levels", levels, one_of_numbers({1, 2}),
        "v3plus: 1 joins the features of stride 4, 2 those of strides 8 and 4.",
        "Chen et al. 2018, arXiv:1802.02611, table 2 (Conv2, Conv2 + Conv3)"
    );
    visit(
        "channels", channels, between(1, 65536),
        "Channels of the decoder's convolutions; unet halves them from level to level.",
        "Chen et al. 2018, arXiv:1802.02611, table 2"
    );
    visit(
        "convs", convs, between(0, 100),
        "Number of convolutions (unet: at each level); null: 0 for the decoder none, 2 for v3plus and unet. The decoder none with 1 is torchvision's DeepLabV3 head.",
        "Chen et al. 2018, arXiv:1802.02611, table 2"
    );
    visit(
        "kernel", kernel, odd(), "Kernel size of the convolutions.",
        "Chen et al. 2018, arXiv:1802.02611, table 2"
    );
    visit(
        "separable", separable,
        "Whether the convolutions are depthwise separable.",
        "Chen et al. 2018, arXiv:1802.02611, section 3.1"
    );
    visit(
        "after_depthwise", after_depthwise, one_of({"bn_relu", "none"}),
        "What is between the depthwise and the pointwise part of a separable convolution: batch norm and ReLU, or nothing."
    );
    visit(
        "dropout", dropout, fraction(),
        "Probability of dropping an element after each convolution; the last number is for the dropout before the classifier. Empty: no dropout."
    );
  }
};

/// A network, as config key `model`: backbone, context, decoder. The number of
/// classes is the data set's.
struct DeepLabConfig {
  std::string backbone = "mobilenet_v2";
  backbone::BackboneOptions backbone_options;
  std::string context = "aspp";
  AsppConfig aspp;
  LargeFovConfig large_fov;
  PyramidPoolingConfig pyramid_pooling;
  std::string decoder = "v3plus";
  DecoderConfig decoder_options;
  std::vector<double> scales;
  std::optional<double> auxiliary_weight;
  std::string norm = "batch";
  int64_t norm_groups = 32;
  std::string alignment = "centres";
  double batch_norm_eps = 1e-5;

  template <class Visitor>
  void fields(Visitor& visit) {
    visit("backbone", backbone, known_backbones(), "Backbone network.");
    visit(
        "backbone_options", backbone_options,
        "Variants of the backbone; each backbone supports some of the keys."
    );
    visit(
        "context", context, known_contexts(),
        "Context module between backbone and decoder."
    );
    visit("aspp", aspp, "Atrous spatial pyramid pooling.");
    visit(
        "large_fov", large_fov,
        "VGG-16's fully connected layers as convolutions.",
        "Chen et al. 2014, arXiv:1412.7062"
    );
    visit(
        "pyramid_pooling", pyramid_pooling, "PSPNet's pyramid pooling.",
        "Zhao et al. 2017, arXiv:1612.01105"
    );
    visit(
        "decoder", decoder, known_decoders(),
        "Decoder between context module and classifier."
    );
    visit("decoder_options", decoder_options, "How to build the decoder.");
    visit(
        "scales", scales, scale_range(),
        "Scales of the input image, including 1, whose scores are fused by their maximum, in training too. Empty: only 1.",
        "Chen et al. 2016, arXiv:1606.00915, section 4.1.2"
    );
    visit(
        "auxiliary_weight", auxiliary_weight, at_least(0),
        "Weight of the loss of an auxiliary head on the backbone's stride-16 stage; null: no auxiliary head.",
        "Zhao et al. 2017, arXiv:1612.01105, section 3.3 (0.4)"
    );
    visit(
        "norm", norm, one_of({"batch", "group"}),
        "Normalisation: batch norm, or group norm, which computes its statistics per image (for small batches).",
        "Wu and He 2018, arXiv:1803.08494"
    );
    visit(
        "norm_groups", norm_groups, between(1, 65536),
        "group: number of groups; a layer whose channels are not a multiple of it uses their greatest common divisor."
    );
    visit(
        "alignment", alignment, known_alignments(),
        "How bilinear resizing aligns feature maps with the image and with each other: centres puts each feature at the pixel at which it looks, for any image size and output stride; edges is align_corners=False, as in PyTorch's networks; corners is align_corners=True, as in TensorFlow's, which is the same as centres for sides that are a multiple of the stride plus 1."
    );
    visit(
        "batch_norm_eps", batch_norm_eps, above(0),
        "Added to the variance in every batch norm outside the backbone."
    );
  }

  /// Throws: ConfigError naming the first key that breaks a rule.
  void validate() const;

  /// Throws: ConfigError that begins with `subject`, for a stride that the
  ///         backbone does not reach.
  void check_output_stride(OutputStride stride, const std::string& subject)
      const;

 private:
  static Rule scale_range() {
    return {
        [](double scale) { return scale > 0 && scale <= 8; },
        "above 0 and at most 8"};
  }
};

/// Renames the keys of a config `model` that older versions wrote:
/// `align_corners` is `alignment` now. If both are there, `alignment` counts.
void rename_former_keys(Json& model);

}  // namespace deeplab::model
