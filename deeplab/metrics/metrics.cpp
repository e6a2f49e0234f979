// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/metrics.h"

#include <cmath>

#include "deeplab/core/sample.h"

namespace deeplab::metrics {

ConfusionMatrix::ConfusionMatrix(int64_t num_classes)
    : counts_(torch::zeros({num_classes, num_classes}, torch::kInt64)) {}

ConfusionMatrix::ConfusionMatrix(const std::vector<int64_t>& counts)
    : counts_(torch::tensor(counts, torch::kInt64)) {
  const auto classes = static_cast<int64_t>(
      std::llround(std::sqrt(static_cast<double>(counts.size())))
  );
  counts_ = counts_.view({classes, classes});
}

void ConfusionMatrix::add(
    const torch::Tensor& labels, const torch::Tensor& predictions
) {
  const int64_t classes = counts_.size(0);
  TORCH_CHECK(
      labels.sizes() == predictions.sizes(), "ConfusionMatrix: labels ",
      labels.sizes(), " and predictions ", predictions.sizes(),
      " differ in shape"
  );
  const auto truth = labels.to(torch::kCPU, torch::kInt64).contiguous();
  const auto guess = predictions.to(torch::kCPU, torch::kInt64).contiguous();
  const auto* right = truth.data_ptr<int64_t>();
  const auto* guessed = guess.data_ptr<int64_t>();
  // The counts are not changed in place, because copies of this object share
  // the tensor, and a label may be out of range.
  auto counts = counts_.clone();
  auto* count = counts.data_ptr<int64_t>();
  const auto is_class = [&](int64_t label) {
    return label >= 0 && label < classes;
  };
  for (int64_t i = 0; i < truth.numel(); ++i) {
    if (right[i] == kVoid) continue;
    TORCH_CHECK(
        is_class(right[i]) && is_class(guessed[i]),
        "ConfusionMatrix: a class is outside 0..", classes - 1
    );
    ++count[right[i] * classes + guessed[i]];
  }
  counts_ = counts;
}

void ConfusionMatrix::merge(const ConfusionMatrix& other) {
  TORCH_CHECK(
      counts_.sizes() == other.counts_.sizes(),
      "ConfusionMatrix: cannot merge ", other.counts_.size(0), " classes into ",
      counts_.size(0)
  );
  counts_ = counts_ + other.counts_;
}

Scores ConfusionMatrix::scores() const {
  const auto counts = counts_.to(torch::kFloat64);
  const auto right = counts.diagonal().contiguous();
  const auto truth = counts.sum(1);
  const auto either = truth + counts.sum(0) - right;
  const double total = counts.sum().item<double>();

  Scores scores;
  double iou_sum = 0;
  double accuracy_sum = 0;
  int64_t with_iou = 0;
  int64_t in_truth = 0;
  for (int64_t k = 0; k < counts.size(0); ++k) {
    const double right_k = right[k].item<double>();
    const double truth_k = truth[k].item<double>();
    const double either_k = either[k].item<double>();
    scores.class_iou.emplace_back();
    if (either_k == 0) continue;
    const double iou = right_k / either_k;
    scores.class_iou.back() = iou;
    iou_sum += iou;
    ++with_iou;
    if (truth_k == 0) continue;
    accuracy_sum += right_k / truth_k;
    ++in_truth;
    scores.frequency_weighted_iou += iou * truth_k / total;
  }
  if (with_iou > 0) scores.mean_iou = iou_sum / static_cast<double>(with_iou);
  if (in_truth > 0) {
    scores.mean_accuracy = accuracy_sum / static_cast<double>(in_truth);
    scores.pixel_accuracy = right.sum().item<double>() / total;
  }
  return scores;
}

}  // namespace deeplab::metrics
