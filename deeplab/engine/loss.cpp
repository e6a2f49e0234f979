// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/loss.h"

#include <torch/nn/functional/activation.h>
#include <torch/nn/functional/loss.h>

#include "deeplab/core/sample.h"
#include "deeplab/engine/loss_table.h"
#include "deeplab/metrics/trimap.h"
#include "deeplab/nn/determinism.h"

namespace deeplab::engine {
namespace {

namespace functional = torch::nn::functional;

/// Smaller than the weight of any pixel, so that it only prevents a division by
/// 0.
constexpr double kTiny = 1e-12;

torch::Tensor at_least_float32(const torch::Tensor& scores) {
  return scores.scalar_type() == torch::kFloat64 ? scores
                                                 : scores.to(torch::kFloat32);
}

/// Returns the weight of each pixel, float [N, H, W], which is 0 at void.
torch::Tensor pixel_weights(
    const LossConfig& config,
    const torch::Tensor& labels,
    const torch::Tensor& class_weights
) {
  const auto counted = labels.ne(kVoid);
  auto weights = counted.to(torch::kFloat32);
  if (class_weights.defined()) {
    const auto classes = labels.masked_fill(labels.eq(kVoid), 0);
    weights = weights * class_weights.index({classes});
  }
  if (config.boundary_weight != 0) {
    std::vector<torch::Tensor> bands;
    for (const auto& image : labels.cpu().unbind(0)) {
      bands.push_back(
          metrics::boundary_band(image, config.boundary_width).ne(kVoid)
      );
    }
    const auto near = torch::stack(bands).to(weights);
    weights = weights * (1 + config.boundary_weight * near);
  }
  return weights;
}

bool weighs_pixels(const LossConfig& config) {
  return config.kind != "cross_entropy" || config.boundary_weight != 0 ||
         config.mines();
}

/// Returns the cross-entropy weighted by class, summed or per pixel as
/// `reduction` asks.
torch::Tensor cross_entropy(
    const LossConfig& config,
    const torch::Tensor& logits,
    const LossTarget& target,
    functional::CrossEntropyFuncOptions::reduction_t reduction
) {
  return functional::cross_entropy(
      logits, target.labels,
      functional::CrossEntropyFuncOptions()
          .weight(target.class_weights)
          .ignore_index(kVoid)
          .label_smoothing(config.label_smoothing)
          .reduction(std::move(reduction))
  );
}

/// Returns the unweighted cross-entropy of each pixel, [N, H, W], which is 0 at
/// void.
torch::Tensor pixel_entropies(
    const LossConfig& config,
    const torch::Tensor& logits,
    const torch::Tensor& labels
) {
  if (nn::is_deterministic(logits)) {
    return cross_entropy_deterministic(logits, labels);
  }
  LossTarget unweighted;
  unweighted.labels = labels;
  return cross_entropy(config, logits, unweighted, torch::kNone);
}

/// Returns which pixels are selected by hard example mining: bool [P] for the P
/// pixels that are not void. Both pixel-wise losses grow with the
/// cross-entropy, so the pixels with the largest loss are those with the
/// largest cross-entropy.
torch::Tensor hard_pixels(
    const LossConfig& config, const torch::Tensor& entropies, int64_t iteration
) {
  const int64_t pixels = entropies.numel();
  auto picked = torch::ones_like(entropies, torch::kBool);
  if (pixels == 0) return picked;
  if (config.ohem_below) {
    const auto sure = (-entropies).exp();
    const int64_t least = std::min(config.ohem_least, pixels - 1);
    const auto at_least = nn::is_deterministic(sure)
                              ? std::get<0>(sure.sort()).select(0, least)
                              : std::get<0>(sure.kthvalue(least + 1));
    picked = sure < at_least.clamp_min(*config.ohem_below);
  }
  if (config.hard_share < 1) {
    const double ramp = config.hard_ramp == 0
                            ? 1
                            : std::min(
                                  1.0, static_cast<double>(iteration) /
                                           static_cast<double>(config.hard_ramp)
                              );
    const double share = 1 - ramp * (1 - config.hard_share);
    const auto count = std::max<int64_t>(
        1, static_cast<int64_t>(share * static_cast<double>(pixels))
    );
    const auto hardest = std::get<1>(entropies.topk(count));
    picked = picked & torch::zeros_like(picked).index_fill(0, hardest, true);
  }
  return picked;
}

torch::Tensor mined(
    const LossConfig& config,
    const torch::Tensor& entropies,
    const torch::Tensor& weights,
    const LossTarget& target
) {
  const auto counted = target.labels.ne(kVoid);
  const auto flat = entropies.masked_select(counted);
  const auto picked = hard_pixels(config, flat.detach(), target.iteration);
  const auto flat_weights =
      weights.masked_select(counted) * picked.to(weights.scalar_type());
  const auto total = flat_weights.sum().clamp_min(kTiny);
  return target.share *
         (find_loss(config.kind).of_entropies(config, flat) * flat_weights)
             .sum() /
         total;
}

torch::Tensor pixelwise(
    const LossConfig& config,
    const torch::Tensor& logits,
    const LossTarget& target
) {
  torch::Tensor sum;
  if (weighs_pixels(config)) {
    const auto entropies = pixel_entropies(config, logits, target.labels);
    const auto weights =
        pixel_weights(config, target.labels, target.class_weights);
    if (config.mines()) return mined(config, entropies, weights, target);
    sum = (find_loss(config.kind).of_entropies(config, entropies) * weights)
              .sum();
  } else if (nn::is_deterministic(logits)) {
    const SoftTruth truth{config.label_smoothing, target.class_weights};
    sum = cross_entropy_deterministic(logits, target.labels, truth).sum();
  } else {
    sum = cross_entropy(config, logits, target, torch::kSum);
  }
  // If every pixel is void, the sum is 0 and the quotient is 0 too.
  return sum / target.total.to(sum.dtype()).clamp_min(kTiny);
}

/// Returns the probabilities [P, K] and labels [P] of the pixels that are not
/// void.
std::pair<torch::Tensor, torch::Tensor> counted_pixels(
    const torch::Tensor& logits, const torch::Tensor& labels
) {
  const auto flat_labels = labels.reshape({-1});
  const auto places = flat_labels.ne(kVoid).nonzero().squeeze(1);
  const auto flat_logits =
      logits.permute({0, 2, 3, 1}).reshape({-1, logits.size(1)});
  return {
      flat_logits.index_select(0, places).softmax(1),
      flat_labels.index_select(0, places)};
}

torch::Tensor regionwise(
    const LossConfig& config,
    const torch::Tensor& logits,
    const torch::Tensor& labels
) {
  const auto [probabilities, truth] = counted_pixels(logits, labels);
  if (truth.numel() == 0) return logits.sum() * 0;
  return find_loss(config.kind).of_regions(config, probabilities, truth);
}

}  // namespace

torch::Tensor total_weight(
    const LossConfig& config,
    const torch::Tensor& labels,
    const torch::Tensor& class_weights,
    const nn::AllReduce& sum
) {
  if (!config.is_pixelwise() || config.mines()) return {};
  auto total =
      pixel_weights(config, labels, class_weights).sum(torch::kFloat64);
  if (sum) sum(total);
  return total;
}

torch::Tensor loss_term(
    const LossConfig& config,
    const torch::Tensor& logits,
    const LossTarget& target
) {
  const auto scores = at_least_float32(logits);
  return config.weight *
         (config.is_pixelwise()
              ? pixelwise(config, scores, target)
              : target.share * regionwise(config, scores, target.labels));
}

torch::Tensor cross_entropy_deterministic(
    const torch::Tensor& logits,
    const torch::Tensor& labels,
    const SoftTruth& soft
) {
  const int64_t classes = logits.size(1);
  const auto counted = labels.ne(kVoid);
  auto truth = torch::one_hot(labels.masked_fill(~counted, 0), classes)
                   .permute({0, 3, 1, 2})
                   .to(logits);
  if (soft.smoothing > 0) {
    truth = truth * (1 - soft.smoothing) +
            soft.smoothing / static_cast<double>(classes);
  }
  if (soft.class_weights.defined()) {
    truth = truth * soft.class_weights.view({1, -1, 1, 1});
  }
  return -(logits.log_softmax(1) * truth).sum(1) * counted.to(logits);
}

torch::Tensor distillation_loss(
    const torch::Tensor& logits,
    const torch::Tensor& teacher,
    const LossTarget& target,
    double temperature
) {
  const auto own = (at_least_float32(logits) / temperature).log_softmax(1);
  const auto wanted = (at_least_float32(teacher) / temperature).log_softmax(1);
  const auto divergence = (wanted.exp() * (wanted - own)).sum(1);
  const auto sum = (divergence * target.labels.ne(kVoid).to(divergence)).sum();
  return temperature * temperature * sum /
         target.total.to(sum.dtype()).clamp_min(kTiny);
}

torch::Tensor segmentation_loss(
    const torch::Tensor& logits,
    const torch::Tensor& labels,
    const torch::Tensor& class_weights
) {
  const LossConfig config;
  LossTarget target;
  target.labels = labels;
  target.class_weights = class_weights;
  target.total = total_weight(config, labels, class_weights, {});
  return loss_term(config, logits, target);
}

}  // namespace deeplab::engine
