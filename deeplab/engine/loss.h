// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/types.h>

#include "deeplab/engine/loss_config.h"
#include "deeplab/nn/norm.h"

namespace deeplab::engine {

/// The ground truth of one piece of a step's batch, and the weights of its
/// loss.
struct LossTarget {
  /// Int64 [N, H, W], each a class or kVoid.
  torch::Tensor labels;
  /// Float [K], the weight of each class in pixel-wise losses. Undefined: all
  /// 1.
  torch::Tensor class_weights;
  /// Sum of the weights of all pixels of the step, including this piece.
  /// Pixel-wise losses are divided by it; see total_weight().
  torch::Tensor total;
  /// The fraction of the step's images that this piece contains. All other
  /// losses are multiplied by it.
  double share = 1;
  int64_t iteration = 0;
};

/// Returns the sum of the weights of all pixels in a step's labels under a
/// pixel-wise loss, over all processes, as a float64 scalar. Returns an
/// undefined tensor for region losses, and if pixels are selected by their
/// loss: that loss is averaged over the selected pixels of each piece.
torch::Tensor total_weight(
    const LossConfig& config,
    const torch::Tensor& labels,
    const torch::Tensor& class_weights,
    const nn::AllReduce& sum
);

/// Returns one term of a step's loss, times its weight. Void pixels are
/// ignored; if all pixels are void, the term is 0. With p the softmax of the
/// logits at a pixel and y its class, the term is
///
/// - cross_entropy: -log p_y, averaged over pixels (weighted by class);
/// - focal: (1 - p_y)^gamma times the cross-entropy, averaged likewise;
/// - tversky: 1 - S / (S + a F + b M), averaged over the classes c that occur
/// in
///   the labels, with S the sum of p_c over the pixels of c, F the sum of p_c
///   over all other pixels, M the sum of 1 - p_c over the pixels of c,
///   a = false_weight, b = missed_weight. dice is a = b = 1/2, jaccard a = b =
///   1;
/// - lovasz: the Lovasz extension of the Jaccard loss, averaged over the
/// classes
///   that occur in the labels. All images of the piece are taken together.
///
/// Shapes: logits float [N, K, H, W] -> scalar.
/// Source: Milletari et al. 2016, arXiv:1606.04797 (Dice); Berman et al. 2018,
///         arXiv:1705.08790, algorithm 1 and section 3.1 (Lovasz-softmax);
///         LossConfig gives the sources of the others.
torch::Tensor loss_term(
    const LossConfig& config,
    const torch::Tensor& logits,
    const LossTarget& target
);

/// Options that turn the true class of a pixel into weights of all classes.
struct SoftTruth {
  /// Label smoothing: the probability that is spread evenly over all classes.
  double smoothing = 0;
  /// Float [K], the weight of each class. Undefined: all 1.
  torch::Tensor class_weights;
};

/// Returns the cross-entropy of each pixel, computed only by products and sums,
/// so that its gradients have the same bits each time on CUDA too. The losses
/// use it on CUDA if deterministic algorithms are requested.
///
/// Shapes: logits [N, K, H, W], labels int64 [N, H, W] -> [N, H, W], 0 at void.
torch::Tensor cross_entropy_deterministic(
    const torch::Tensor& logits,
    const torch::Tensor& labels,
    const SoftTruth& soft = {}
);

/// Returns the Kullback-Leibler divergence from the teacher's class
/// probabilities to the network's, both at temperature T, times T^2. It is
/// summed over the pixels that are not void and divided by `target.total`,
/// which must be that of a plain cross-entropy.
///
/// Shapes: logits, teacher [N, K, H, W] -> scalar.
/// Source: Hinton et al. 2015, arXiv:1503.02531, section 2.
torch::Tensor distillation_loss(
    const torch::Tensor& logits,
    const torch::Tensor& teacher,
    const LossTarget& target,
    double temperature
);

/// Returns the cross-entropy of a batch, averaged over its pixels; it calls
/// total_weight() and loss_term().
///
/// Shapes: the same as for loss_term().
/// Source: Chen et al. 2017, arXiv:1706.05587, section 4.1 (full-size labels).
torch::Tensor segmentation_loss(
    const torch::Tensor& logits,
    const torch::Tensor& labels,
    const torch::Tensor& class_weights
);

}  // namespace deeplab::engine
