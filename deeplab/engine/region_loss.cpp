// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/region_loss.h"

#include <vector>

#include "deeplab/core/sample.h"

namespace deeplab::engine {
namespace {

torch::Tensor tversky(
    const torch::Tensor& probabilities,
    const torch::Tensor& labels,
    double false_weight,
    double missed_weight
) {
  // Keeps a class without any pixel from dividing by 0.
  constexpr double kSmallest = 1e-12;
  const auto truth =
      torch::one_hot(labels, probabilities.size(1)).to(probabilities);
  const auto right = (probabilities * truth).sum(0);
  const auto in_truth = truth.sum(0);
  const auto claimed = probabilities.sum(0);
  const auto score = right / (right + false_weight * (claimed - right) +
                              missed_weight * (in_truth - right))
                                 .clamp_min(kSmallest);
  return 1 - score.masked_select(in_truth > 0).mean();
}

/// Returns the gradient of the Lovasz extension of the Jaccard loss. It counts
/// in whole numbers, which is exact for any number of pixels and gives the same
/// bits each time on CUDA.
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

}  // namespace

torch::Tensor dice_loss(
    const LossConfig& /*config*/,
    const torch::Tensor& probabilities,
    const torch::Tensor& labels
) {
  return tversky(probabilities, labels, 0.5, 0.5);
}

torch::Tensor jaccard_loss(
    const LossConfig& /*config*/,
    const torch::Tensor& probabilities,
    const torch::Tensor& labels
) {
  return tversky(probabilities, labels, 1, 1);
}

torch::Tensor tversky_loss(
    const LossConfig& config,
    const torch::Tensor& probabilities,
    const torch::Tensor& labels
) {
  return tversky(
      probabilities, labels, config.false_weight, config.missed_weight
  );
}

torch::Tensor lovasz_loss(
    const LossConfig& /*config*/,
    const torch::Tensor& probabilities,
    const torch::Tensor& labels
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

}  // namespace deeplab::engine
