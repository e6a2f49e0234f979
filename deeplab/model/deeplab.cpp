// SPDX-License-Identifier: Apache-2.0
#include "deeplab/model/deeplab.h"

#include <fmt/core.h>
#include <torch/nn/init.h>

#include "deeplab/core/error.h"
#include "deeplab/model/evaluation_mode.h"
#include "deeplab/model/parts.h"
#include "deeplab/nn/initialize.h"
#include "deeplab/nn/norm.h"
#include "deeplab/nn/resize.h"

namespace deeplab::model {
namespace {

/// Standard deviation of the initial weights of the layers that give class
/// scores. It is near zero, so that training starts from nearly equal scores.
constexpr double kScoresSpread = 0.01;

torch::nn::Conv2d make_classifier(int64_t in_channels, int64_t num_classes) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in_channels, num_classes, 1)
  );
}

/// Returns where features of an image that was rescaled by a factor look in the
/// image itself.
nn::FeatureGrid in_image(const nn::FeatureGrid& grid, double scale) {
  return {grid.first / scale, grid.step / scale};
}

/// Returns scores as a loss needs them. Under autocast they are 16-bit floats;
/// a loss needs float32, and runs ten times faster if the map of each class is
/// contiguous.
torch::Tensor widened(const torch::Tensor& scores) {
  const bool is_narrow = scores.scalar_type() == torch::kBFloat16 ||
                         scores.scalar_type() == torch::kFloat16;
  return is_narrow ? scores.to(torch::kFloat32).contiguous() : scores;
}

void use_channels_last(torch::nn::Module& module) {
  for (auto& parameter : module.parameters()) {
    if (parameter.dim() != 4) continue;
    parameter.set_data(
        parameter.detach().contiguous(torch::MemoryFormat::ChannelsLast)
    );
  }
}

}  // namespace

DeepLabImpl::DeepLabImpl(const DeepLabConfig& config, int64_t num_classes)
    : DeepLabImpl(config, num_classes, StartWeights::kRandom) {}

DeepLabImpl::DeepLabImpl(
    const DeepLabConfig& config, int64_t num_classes, StartWeights weights
)
    : config_(config),
      num_classes_(num_classes),
      weights_(weights),
      alignment_(alignment_of(config)) {
  config_.validate();
  if (num_classes < 2) {
    throw ConfigError(
        fmt::format("the number of classes is {}; must be >= 2", num_classes)
    );
  }
  reset();
}

void DeepLabImpl::reset() {
  backbone_ =
      backbone::make_backbone(config_.backbone, config_.backbone_options);
  register_module("backbone", backbone_);
  add_heads();
  if (config_.norm == "group") nn::set_norm_groups(*this, config_.norm_groups);
  if (weights_ == StartWeights::kRandom) draw_weights();
  use_channels_last(*this);
  set_output_stride(stride_);
}

void DeepLabImpl::add_heads() {
  const auto channels = backbone_->channels();
  context_ = make_context(config_, channels.high, num_classes_);
  register_module(config_.context, context_);
  decoder_ =
      make_decoder(config_, channels, context_->out_channels(), num_classes_);
  register_module("decoder", decoder_);
  if (!context_->gives_scores() && !decoder_->gives_scores()) {
    classifier_ = register_module(
        "classifier", make_classifier(decoder_->out_channels(), num_classes_)
    );
  }
  if (config_.auxiliary_weight) {
    auxiliary_ = make_auxiliary(channels);
    register_module("auxiliary", auxiliary_);
    auxiliary_classifier_ = register_module(
        "auxiliary_classifier",
        make_classifier(auxiliary_->out_channels(), num_classes_)
    );
  }
  for (const auto& child : children()) {
    if (child == backbone_) continue;
    nn::set_batch_norm_eps(*child, config_.batch_norm_eps);
  }
}

void DeepLabImpl::draw_weights() {
  nn::initialize(*this);
  for (const auto& child : children()) {
    if (child == backbone_) continue;
    for (const auto& module : child->modules()) {
      auto* conv = module->as<torch::nn::Conv2dImpl>();
      if (conv == nullptr || !conv->bias.defined() ||
          conv->options.out_channels() != num_classes_) {
        continue;
      }
      torch::nn::init::normal_(conv->weight, 0, kScoresSpread);
    }
  }
}

DeepLabImpl::Pass DeepLabImpl::pass(const torch::Tensor& images) {
  Pass result;
  result.features =
      backbone_->forward(images.contiguous(torch::MemoryFormat::ChannelsLast));
  const auto context = context_->forward(result.features.high);
  const auto decoded = decoder_->forward(result.features, context);
  result.scores = classifier_ ? classifier_->forward(decoded) : decoded;
  result.grid = decoder_->grid();
  return result;
}

torch::Tensor DeepLabImpl::upsample(
    const torch::Tensor& scores,
    const nn::FeatureGrid& grid,
    const torch::Tensor& images
) const {
  return nn::resize_like(
      widened(scores), images, {alignment_, grid, nn::FeatureGrid{}}
  );
}

torch::Tensor DeepLabImpl::forward(const torch::Tensor& images) {
  return run(images, Sides::kSkip).logits;
}

TrainingScores DeepLabImpl::forward_with_sides(const torch::Tensor& images) {
  return run(images, Sides::kAdd);
}

TrainingScores DeepLabImpl::run(const torch::Tensor& images, Sides sides) {
  TORCH_CHECK(
      images.dim() == 4 && images.size(1) == 3 && images.numel() > 0,
      "DeepLab: expected [N, 3, H, W] without an empty dimension, got ",
      images.sizes()
  );
  const auto full = pass(images);
  TrainingScores result;
  if (auxiliary_ && sides == Sides::kAdd) {
    const auto& map = full.features.at[nn::Level::k16];
    const auto scores =
        auxiliary_classifier_(auxiliary_->forward(full.features, map));
    result.sides.push_back(
        {upsample(scores, auxiliary_->grid(), images),
         *config_.auxiliary_weight}
    );
  }
  auto fused = full.scores;
  for (const double scale : config_.scales) {
    auto scores = full.scores;
    if (scale != 1) {
      const auto scaled = pass(nn::rescale(images, scale, alignment_));
      scores = nn::resize_like(
          widened(scaled.scores), full.scores,
          {alignment_, in_image(scaled.grid, scale), full.grid}
      );
      fused = torch::maximum(fused, scores);
    }
    if (sides == Sides::kAdd) {
      result.sides.push_back({upsample(scores, full.grid, images), 1});
    }
  }
  result.logits = upsample(fused, full.grid, images);
  return result;
}

void DeepLabImpl::set_output_stride(OutputStride stride) {
  backbone_->set_output_stride(stride);
  context_->set_output_stride(stride);
  const auto& grids = backbone_->grids();
  decoder_->set_grids(grids, context_->grid(grids.high));
  if (auxiliary_) auxiliary_->set_grids(grids, grids.at[nn::Level::k16]);
  stride_ = stride;
}

Segmenter make_segmenter(DeepLab network) {
  return [network](const torch::Tensor& images) mutable {
    torch::NoGradGuard no_grad;
    const EvaluationMode mode(*network);
    return network->forward(images);
  };
}

}  // namespace deeplab::model
