// SPDX-License-Identifier: Apache-2.0
#include "deeplab/engine/step_loss.h"

namespace deeplab::engine {

StepLoss::StepLoss(
    const TrainConfig& config, const torch::Tensor& like, nn::AllReduce sum
)
    : terms_(config.loss), teacher_(config.teacher), sum_(std::move(sum)) {
  if (terms_.empty()) terms_.emplace_back();
  if (config.class_weights.empty()) return;
  class_weights_ = torch::tensor(config.class_weights).to(like.options());
}

void StepLoss::begin(
    const torch::Tensor& labels, int64_t iteration, double share
) {
  totals_.clear();
  for (const auto& term : terms_) {
    totals_.push_back(total_weight(term, labels, class_weights_, sum_));
  }
  if (teacher_) teacher_total_ = total_weight({}, labels, {}, sum_);
  iteration_ = iteration;
  share_ = share;
}

torch::Tensor StepLoss::operator()(
    const model::TrainingScores& scores,
    const torch::Tensor& labels,
    const torch::Tensor& teacher
) const {
  LossTarget target;
  target.labels = labels;
  target.class_weights = class_weights_;
  target.share = share_;
  target.iteration = iteration_;
  auto loss = terms(scores.logits, target);
  for (const auto& side : scores.sides) {
    loss = loss + side.weight * terms(side.logits, target);
  }
  if (!teacher_) return loss;
  target.total = teacher_total_;
  return loss + teacher_->weight *
                    distillation_loss(
                        scores.logits, teacher, target, teacher_->temperature
                    );
}

torch::Tensor StepLoss::terms(const torch::Tensor& logits, LossTarget target)
    const {
  torch::Tensor sum;
  for (size_t i = 0; i < terms_.size(); ++i) {
    target.total = totals_[i];
    const auto term = loss_term(terms_[i], logits, target);
    sum = sum.defined() ? sum + term : term;
  }
  return sum;
}

}  // namespace deeplab::engine
