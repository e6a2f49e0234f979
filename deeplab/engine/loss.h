// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/types.h>

#include "deeplab/engine/loss_config.h"
#include "deeplab/nn/norm.h"

namespace deeplab::engine {

/// What the scores of one piece of a step's batch are compared with.
struct LossTarget {
  /// Int64 [N, H, W], each a class or kVoid.
  torch::Tensor labels;
  /// Float [K], or undefined: all 1. For pixel-wise losses.
  torch::Tensor class_weights;
  /// Weight of all pixels of the step, this piece among them, by which
  /// pixel-wise losses divide: see total_weight().
  torch::Tensor total;
  /// The piece's share of the step's images, by which the other losses count.
  double share = 1;
  int64_t iteration = 0;
};

/// Weight of every pixel under a pixel-wise loss, summed over a step's labels
/// and all processes: a scalar. Undefined for other losses, and where pixels
/// are picked by their loss: those take the mean of what a piece picks.
torch::Tensor total_weight(
    const LossConfig& config,
    const torch::Tensor& labels,
    const torch::Tensor& class_weights,
    const nn::SumOverProcesses& sum
);

/// One term of a step's loss, times its weight. Void pixels count nowhere; with
/// nothing to count it is 0. With p the softmax of the logits at a pixel and y
/// its class:
///
/// - cross_entropy: -log p_y, averaged over pixels (weighted by their class);
/// - focal: (1 - p_y)^gamma times that;
/// - tversky: 1 - mean over the classes in the truth of
///   S / (S + a F + b M), with S the sum of p_c over pixels of c, F over all
///   others, M the sum of 1 - p_c over pixels of c, a = false_weight,
///   b = missed_weight. dice is a = b = 1/2, jaccard a = b = 1;
/// - lovasz: the Lovasz extension of each present class's Jaccard loss, mean
///   over them, over all pixels together.
///
/// Shapes: logits float [N, K, H, W] -> scalar.
/// Source: Milletari et al. 2016, arXiv:1606.04797 (Dice); Berman et al. 2018,
///         arXiv:1705.08790, algorithm 1 and section 3.1 (Lovasz-softmax);
///         LossConfig has the others'.
torch::Tensor loss_term(
    const LossConfig& config,
    const torch::Tensor& logits,
    const LossTarget& target
);

/// How the truth of a pixel is spread over classes.
struct SoftTruth {
  /// Share that all classes have equal parts of.
  double smoothing = 0;
  /// Float [K], by which each class counts; undefined: all 1.
  torch::Tensor class_weights;
};

/// Cross-entropy of each pixel, by products and sums alone, whose gradients
/// come out the same bits each time on CUDA too: what losses are made of there
/// where deterministic algorithms are asked for.
///
/// Shapes: logits [N, K, H, W], labels int64 [N, H, W] -> [N, H, W], 0 at void.
torch::Tensor cross_entropy_by_products(
    const torch::Tensor& logits,
    const torch::Tensor& labels,
    const SoftTruth& soft = {}
);

/// Kullback-Leibler divergence from the teacher's classes to the network's,
/// both at a temperature T, times T^2; sum over the pixels that are not void,
/// divided by the target's total (of a plain cross-entropy).
///
/// Shapes: logits, teacher [N, K, H, W] -> scalar.
/// Source: Hinton et al. 2015, arXiv:1503.02531, section 2.
torch::Tensor distillation_loss(
    const torch::Tensor& logits,
    const torch::Tensor& teacher,
    const LossTarget& target,
    double temperature
);

/// One image's cross-entropy, in one call.
///
/// Shapes: as loss_term().
/// Source: Chen et al. 2017, arXiv:1706.05587, section 4.1 (full-size labels).
torch::Tensor segmentation_loss(
    const torch::Tensor& logits,
    const torch::Tensor& labels,
    const torch::Tensor& class_weights
);

}  // namespace deeplab::engine
