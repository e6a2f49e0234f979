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
  const auto counted = labels.ne(kVoid);
  const auto truth = labels.masked_select(counted).cpu();
  const auto guess = predictions.masked_select(counted).cpu();
  if (truth.numel() == 0) return;
  for (const auto& checked : {truth, guess}) {
    TORCH_CHECK(
        checked.min().item<int64_t>() >= 0 &&
            checked.max().item<int64_t>() < classes,
        "ConfusionMatrix: a class is outside 0..", classes - 1
    );
  }
  // The sum is not made in place, because copies of this object share the
  // tensor.
  counts_ =
      counts_ + torch::bincount(truth * classes + guess, {}, classes * classes)
                    .view({classes, classes});
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
