// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "deeplab/engine/loss.h"
#include "deeplab/engine/train_config.h"
#include "deeplab/model/deeplab.h"

namespace deeplab::engine {

/// What a training step minimises: the terms of train.loss on the result and on
/// each side output, and the teacher's scores. A step's batch may come in
/// pieces, and be spread over processes; the sum over all of them is the loss
/// of the whole batch.
class StepLoss {
 public:
  /// Class weights are kept in the form of `like`, one of the network's
  /// parameters.
  StepLoss(
      const TrainConfig& config,
      const torch::Tensor& like,
      nn::SumOverProcesses sum
  );

  /// At the beginning of step `iteration`: all labels of this process, and the
  /// share of the whole batch's images that a piece has.
  void begin(const torch::Tensor& labels, int64_t iteration, double share);

  /// The loss of a piece, a scalar. `teacher` is undefined without
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
  nn::SumOverProcesses sum_;
  /// Of the step: see total_weight(), for each term and the teacher's.
  std::vector<torch::Tensor> totals_;
  torch::Tensor teacher_total_;
  int64_t iteration_ = 0;
  double share_ = 1;
};

}  // namespace deeplab::engine
