// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include <torch/types.h>

namespace deeplab::metrics {

/// Scores of a whole data set, each in [0, 1].
struct Scores {
  /// Intersection over union. Empty for a class that occurs in neither truth
  /// nor prediction; 0 for a class that occurs only in the prediction.
  std::vector<std::optional<double>> class_iou;
  /// Mean of class_iou over the classes that have one.
  double mean_iou = 0;
  /// Fraction of correct pixels; void is excluded.
  double pixel_accuracy = 0;
  /// Recall of each class, averaged over the classes that occur in the truth.
  double mean_accuracy = 0;
  /// Mean of class_iou, weighted by the frequency of each class in the truth.
  double frequency_weighted_iou = 0;
};

/// Counts pairs (true class, predicted class) over a whole data set. Scores are
/// computed from these counts and are never means over images. The counts are
/// int64, so no data set is too large.
/// Source: Everingham et al. 2015, "The Pascal visual object classes challenge:
///         a retrospective", section 3.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int64_t num_classes);
  /// Creates a matrix from the counts() of another one, row by row.
  explicit ConfusionMatrix(const std::vector<int64_t>& counts);

  /// Adds images. Pixels with the label kVoid are ignored.
  ///
  /// Shapes: labels and predictions int64, of equal shape; any device.
  /// Throws: c10::Error for a label or prediction that is out of range.
  void add(const torch::Tensor& labels, const torch::Tensor& predictions);
  /// Adds the counts of a matrix with the same number of classes.
  void merge(const ConfusionMatrix& other);

  /// Returns int64 [K, K]; rows are true classes, columns predicted classes.
  const torch::Tensor& counts() const noexcept { return counts_; }
  Scores scores() const;

 private:
  torch::Tensor counts_;
};

}  // namespace deeplab::metrics
