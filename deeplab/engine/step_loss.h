// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "deeplab/engine/loss.h"
#include "deeplab/engine/train_config.h"
#include "deeplab/model/deeplab.h"

namespace deeplab::engine {

/// The loss that a training step minimizes: the terms of train.loss on the
/// result and on each side output, and distillation from the teacher. The batch
/// of a step may be split into pieces and over processes. The sum over all of
/// them is the loss of the whole batch.
class StepLoss {
 public:
  /// Class weights get the dtype and device of `like`, which is one of the
  /// network's parameters.
  StepLoss(
      const TrainConfig& config, const torch::Tensor& like, nn::AllReduce sum
  );

  /// Must be called at the beginning of step `iteration`, with all labels of
  /// this process. `share` is the fraction of the whole batch's images that is
  /// in one piece.
  void begin(const torch::Tensor& labels, int64_t iteration, double share);

  /// Returns the loss of a piece, a scalar. `teacher` is undefined without
  /// train.teacher.
  ///
  /// Shapes: labels int64 [N, H, W], teacher [N, K, H, W].
  torch::Tensor operator()(
      const model::TrainingScores& scores,
      const torch::Tensor& labels,
      const torch::Tensor& teacher
  ) const;

 private:
  torch::Tensor terms(const torch::Tensor& logits, LossTarget target) const;

  std::vector<LossConfig> terms_;
  std::optional<TeacherConfig> teacher_;
  torch::Tensor class_weights_;
  nn::AllReduce sum_;
  /// Divisors of this step, one per loss term, and the divisor of the teacher's
  /// term; see total_weight().
  std::vector<torch::Tensor> totals_;
  torch::Tensor teacher_total_;
  int64_t iteration_ = 0;
  double share_ = 1;
};

}  // namespace deeplab::engine
