// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include "deeplab/backbone/backbone.h"
#include "deeplab/core/output_stride.h"
#include "deeplab/core/segmenter.h"
#include "deeplab/model/deeplab_config.h"
#include "deeplab/nn/context.h"
#include "deeplab/nn/decoder.h"
#include "deeplab/nn/resize.h"

namespace deeplab::model {

/// Scores of a side output and the weight of their loss.
struct SideScores {
  /// [N, num_classes, H, W]
  torch::Tensor logits;
  double weight = 1;
};

/// Outputs of a forward pass for training.
struct TrainingScores {
  /// [N, num_classes, H, W]: the same as the result of forward().
  torch::Tensor logits;
  /// Outputs of the auxiliary head and of each scale in `model.scales`.
  std::vector<SideScores> sides;
};

/// The initial values of a new network's weights.
enum class StartWeights {
  /// Draws them from torch's global generator, as needed for training.
  kRandom,
  /// Leaves them unspecified, which is fastest. For networks whose weights are
  /// loaded right away or never used.
  kUnset,
};

/// A network of the DeepLab family or one of its relatives: backbone, context
/// module, decoder, a 1x1 classifier (unless context or decoder already gives
/// class scores), and upsampling of the logits to the image's size.
///
/// Shapes: float [N, 3, H, W] -> logits [N, num_classes, H, W], any H, W >= 1.
///         Parameters and feature maps are in channels_last memory format.
/// Throws: ConfigError from the constructor.
/// Source: Chen et al. 2014, arXiv:1412.7062 (V1); 2016, arXiv:1606.00915 (V2);
///         2017, arXiv:1706.05587 (V3); 2018, arXiv:1802.02611 (V3+).
class DeepLabImpl : public torch::nn::Cloneable<DeepLabImpl> {
 public:
  /// Builds the network with StartWeights::kRandom.
  DeepLabImpl(const DeepLabConfig& config, int64_t num_classes);
  DeepLabImpl(
      const DeepLabConfig& config, int64_t num_classes, StartWeights weights
  );

  void reset() override;
  torch::Tensor forward(const torch::Tensor& images);

  /// Runs forward() and also returns all outputs that have a loss of their own.
  TrainingScores forward_with_sides(const torch::Tensor& images);

  /// Changes strides, dilations and ASPP rates together, without touching
  /// weights. For example, a network trained at output stride 16 can be
  /// evaluated at 8.
  /// Throws: ConfigError for a stride that the backbone cannot reach.
  void set_output_stride(OutputStride stride);
  OutputStride output_stride() const noexcept { return stride_; }

  /// Turns activation checkpointing of the backbone on or off: backward
  /// recomputes the feature maps of its units instead of keeping them. This
  /// saves memory, costs time, and gives the same results.
  void set_recompute(bool recompute) { backbone_->set_recompute(recompute); }

  const DeepLabConfig& config() const noexcept { return config_; }
  int64_t num_classes() const noexcept { return num_classes_; }
  backbone::BackboneImpl& backbone() const { return *backbone_; }
  /// Returns where the features of the class scores look, before these are
  /// resized to the image.
  nn::FeatureGrid score_grid() const { return decoder_->grid(); }

 private:
  /// Forward pass at one scale of the image.
  struct Pass {
    nn::Features features;
    /// Class scores at the decoder's resolution, and where they look.
    torch::Tensor scores;
    nn::FeatureGrid grid;
  };
  Pass pass(const torch::Tensor& images);
  enum class Sides { kSkip, kAdd };
  TrainingScores run(const torch::Tensor& images, Sides sides);
  /// Resizes class scores that look at `grid` to images.
  torch::Tensor upsample(
      const torch::Tensor& scores,
      const nn::FeatureGrid& grid,
      const torch::Tensor& images
  ) const;
  void add_heads();
  void draw_weights();

  DeepLabConfig config_;
  int64_t num_classes_;
  StartWeights weights_;
  nn::Alignment alignment_;
  OutputStride stride_ = OutputStride::k16;
  std::shared_ptr<backbone::BackboneImpl> backbone_;
  std::shared_ptr<nn::ContextImpl> context_;
  std::shared_ptr<nn::DecoderImpl> decoder_;
  torch::nn::Conv2d classifier_{nullptr};
  std::shared_ptr<nn::DecoderImpl> auxiliary_;
  torch::nn::Conv2d auxiliary_classifier_{nullptr};
};
TORCH_MODULE(DeepLab);

/// Returns a segmenter that runs the network in evaluation mode without
/// gradients. Each call restores the training mode of the network as a whole:
/// if it was in training mode, train() is called on it, which also puts modules
/// with a mode of their own (frozen batch norm) into training mode.
Segmenter make_segmenter(DeepLab network);

}  // namespace deeplab::model
