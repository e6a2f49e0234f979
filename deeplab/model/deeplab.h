// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <torch/nn/cloneable.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/pimpl.h>

#include "deeplab/backbone/backbone.h"
#include "deeplab/core/output_stride.h"
#include "deeplab/model/deeplab_config.h"
#include "deeplab/nn/context.h"
#include "deeplab/nn/decoder.h"
#include "deeplab/nn/resize.h"

namespace deeplab::model {

/// Scores that are trained beside the result, each with the weight of its loss.
struct SideScores {
  /// [N, num_classes, H, W]
  torch::Tensor logits;
  double weight = 1;
};

/// What a training pass gives.
struct TrainingScores {
  /// [N, num_classes, H, W]: what forward() gives.
  torch::Tensor logits;
  /// Those of the auxiliary head, and of each scale where there are several.
  std::vector<SideScores> sides;
};

/// What a network's weights are before anything is loaded.
enum class StartWeights {
  /// Out of torch's global generator, as training needs them.
  kRandom,
  /// Whatever is quickest, for a network that is filled at once.
  kUnset,
};

/// The DeepLab family and its neighbours: backbone, context, decoder, 1x1
/// classifier (where neither of the two gives scores itself), and the logits
/// upsampled to the image.
///
/// Shapes: float [N, 3, H, W] -> logits [N, num_classes, H, W], any H, W >= 1.
/// Parameters live in channels_last; so does every map inside.
/// Throws: ConfigError from the constructor.
/// Source: Chen et al. 2014, arXiv:1412.7062 (V1); 2016, arXiv:1606.00915 (V2);
///         2017, arXiv:1706.05587 (V3); 2018, arXiv:1802.02611 (V3+).
class DeepLabImpl : public torch::nn::Cloneable<DeepLabImpl> {
 public:
  /// With StartWeights::kRandom.
  DeepLabImpl(const DeepLabConfig& config, int64_t num_classes);
  DeepLabImpl(
      const DeepLabConfig& config, int64_t num_classes, StartWeights weights
  );

  void reset() override;
  torch::Tensor forward(const torch::Tensor& images);

  /// As forward(), with all that has a loss of its own.
  TrainingScores forward_with_sides(const torch::Tensor& images);

  /// Changes strides, dilations and rates together, without touching weights:
  /// a network trained at 16 evaluates at 8.
  /// Throws: ConfigError for a stride that the backbone does not reach.
  void set_output_stride(OutputStride stride);
  OutputStride output_stride() const noexcept { return stride_; }

  /// Whether backward runs the backbone's units again instead of keeping their
  /// maps: less memory, more time, the same results.
  void set_recompute(bool recompute) { backbone_->set_recompute(recompute); }

  const DeepLabConfig& config() const noexcept { return config_; }
  int64_t num_classes() const noexcept { return num_classes_; }

 private:
  /// Of one size of the image.
  struct Pass {
    nn::Features features;
    /// At the decoder's resolution.
    torch::Tensor scores;
  };
  Pass pass(const torch::Tensor& images);
  enum class Sides { kSkip, kAdd };
  TrainingScores run(const torch::Tensor& images, Sides sides);
  torch::Tensor upsample(
      const torch::Tensor& scores, const torch::Tensor& images
  ) const;
  void add_heads();
  void draw_weights();

  DeepLabConfig config_;
  int64_t num_classes_;
  StartWeights weights_;
  nn::AlignCorners corners_;
  OutputStride stride_ = OutputStride::k16;
  std::shared_ptr<backbone::BackboneImpl> backbone_;
  std::shared_ptr<nn::ContextImpl> context_;
  std::shared_ptr<nn::DecoderImpl> decoder_;
  torch::nn::Conv2d classifier_{nullptr};
  std::shared_ptr<nn::DecoderImpl> auxiliary_;
  torch::nn::Conv2d auxiliary_classifier_{nullptr};
};
TORCH_MODULE(DeepLab);

}  // namespace deeplab::model
