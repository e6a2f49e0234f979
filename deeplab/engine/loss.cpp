// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/loss.h"

#include <torch/nn/functional/activation.h>
#include <torch/nn/functional/loss.h>

#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "deeplab/engine/trimap.h"
#include "deeplab/nn/fixed_order.h"

namespace deeplab::engine {
namespace {

namespace functional = torch::nn::functional;

/// Below the weight of any pixel.
constexpr double kTiny = 1e-12;

torch::Tensor at_least_float32(const torch::Tensor& scores) {
  return scores.scalar_type() == torch::kFloat64 ? scores
                                                 : scores.to(torch::kFloat32);
}

/// Float [N, H, W]: 0 at void.
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
      bands.push_back(boundary_band(image, config.boundary_width).ne(kVoid));
    }
    const auto near = torch::stack(bands).to(weights);
    weights = weights * (1 + config.boundary_weight * near);
  }
  return weights;
}

bool weighs_pixels(const LossConfig& config) {
  return config.kind == "focal" || config.boundary_weight != 0 ||
         config.mines();
}

/// Sum of the cross-entropies, weighted by class.
torch::Tensor cross_entropy(
    const LossConfig& config,
    const torch::Tensor& logits,
    const LossTarget& target,
    functional::CrossEntropyFuncOptions::reduction_t reduction
) {
  return functional::cross_entropy(
      logits,
      target.labels,
      functional::CrossEntropyFuncOptions()
          .weight(target.class_weights)
          .ignore_index(kVoid)
          .label_smoothing(config.label_smoothing)
          .reduction(std::move(reduction))
  );
}

/// Cross-entropy [N, H, W], without weights; 0 at void.
torch::Tensor pixel_entropies(
    const LossConfig& config,
    const torch::Tensor& logits,
    const torch::Tensor& labels
) {
  if (nn::needs_fixed_order(logits)) {
    return cross_entropy_by_products(logits, labels);
  }
  LossTarget unweighted;
  unweighted.labels = labels;
  return cross_entropy(config, logits, unweighted, torch::kNone);
}

torch::Tensor losses_of(
    const LossConfig& config, const torch::Tensor& entropies
) {
  if (config.kind != "focal") return entropies;
  // At 0 a gamma below 1 has an infinite slope.
  constexpr double kLeast = 1e-7;
  const auto doubts = (1 - (-entropies).exp()).clamp_min(kLeast);
  return doubts.pow(config.gamma) * entropies;
}

/// The pixels that count, bool, of those that are not void, flat. Both losses
/// grow with the cross-entropy, so that it tells which are the largest.
torch::Tensor hard_pixels(
    const LossConfig& config, const torch::Tensor& entropies, int64_t iteration
) {
  const int64_t pixels = entropies.numel();
  auto picked = torch::ones_like(entropies, torch::kBool);
  if (pixels == 0) return picked;
  if (config.ohem_below) {
    const auto sure = (-entropies).exp();
    const int64_t least = std::min(config.ohem_least, pixels - 1);
    const auto at_least = nn::needs_fixed_order(sure)
                              ? std::get<0>(sure.sort()).select(0, least)
                              : std::get<0>(sure.kthvalue(least + 1));
    picked = sure < at_least.clamp_min(*config.ohem_below);
  }
  if (config.hard_share < 1) {
    const double ramp = config.hard_ramp == 0
                            ? 1
                            : std::min(
                                  1.0,
                                  static_cast<double>(iteration) /
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
  return target.share * (losses_of(config, flat) * flat_weights).sum() / total;
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
    sum = (losses_of(config, entropies) * weights).sum();
  } else if (nn::needs_fixed_order(logits)) {
    const SoftTruth truth{config.label_smoothing, target.class_weights};
    sum = cross_entropy_by_products(logits, target.labels, truth).sum();
  } else {
    sum = cross_entropy(config, logits, target, torch::kSum);
  }
  // With nothing to divide, the sum is 0 and stays it.
  return sum / target.total.to(sum.dtype()).clamp_min(kTiny);
}

/// Probabilities [P, K] and labels [P] of the pixels that are not void.
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

torch::Tensor tversky(
    const torch::Tensor& probabilities,
    const torch::Tensor& labels,
    double false_weight,
    double missed_weight
) {
  const auto truth =
      torch::one_hot(labels, probabilities.size(1)).to(probabilities);
  const auto right = (probabilities * truth).sum(0);
  const auto in_truth = truth.sum(0);
  const auto claimed = probabilities.sum(0);
  const auto score = right / (right + false_weight * (claimed - right) +
                              missed_weight * (in_truth - right))
                                 .clamp_min(kTiny);
  return 1 - score.masked_select(in_truth > 0).mean();
}

/// Counted in whole numbers: exact for any number of pixels, and the same bits
/// each time on CUDA.
/// Shapes: int64 [pixels], 1 or 0 -> [pixels] of `type`.
/// Source: Berman et al. 2018, algorithm 1.
torch::Tensor lovasz_gradient(
    const torch::Tensor& sorted_truth, torch::ScalarType type
) {
  const auto total = sorted_truth.sum();
  const auto intersection = total - sorted_truth.cumsum(0);
  const auto either = total + (1 - sorted_truth).cumsum(0);
  const auto jaccard = 1 - intersection.to(type) / either.to(type);
  return torch::cat(
      {jaccard.slice(0, 0, 1), jaccard.slice(0, 1) - jaccard.slice(0, 0, -1)}
  );
}

torch::Tensor lovasz(
    const torch::Tensor& probabilities, const torch::Tensor& labels
) {
  std::vector<torch::Tensor> losses;
  for (int64_t c = 0; c < probabilities.size(1); ++c) {
    const auto truth = labels.eq(c).to(torch::kLong);
    if (truth.sum().item<int64_t>() == 0) continue;
    const auto errors = (truth - probabilities.select(1, c)).abs();
    const auto [sorted, order] = errors.sort(0, /*descending=*/true);
    losses.push_back(sorted.dot(
        lovasz_gradient(truth.index_select(0, order), sorted.scalar_type())
    ));
  }
  return torch::stack(losses).mean();
}

torch::Tensor regionwise(
    const LossConfig& config,
    const torch::Tensor& logits,
    const torch::Tensor& labels
) {
  const auto [probabilities, truth] = counted_pixels(logits, labels);
  if (truth.numel() == 0) return logits.sum() * 0;
  if (config.kind == "lovasz") return lovasz(probabilities, truth);
  if (config.kind == "dice") return tversky(probabilities, truth, 0.5, 0.5);
  if (config.kind == "jaccard") return tversky(probabilities, truth, 1, 1);
  return tversky(
      probabilities, truth, config.false_weight, config.missed_weight
  );
}

}  // namespace

torch::Tensor total_weight(
    const LossConfig& config,
    const torch::Tensor& labels,
    const torch::Tensor& class_weights,
    const nn::SumOverProcesses& sum
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

torch::Tensor cross_entropy_by_products(
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
