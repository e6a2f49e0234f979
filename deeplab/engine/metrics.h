// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include <torch/types.h>

namespace deeplab::engine {

/// Scores of a whole data set, each in [0, 1].
struct Scores {
  /// Intersection over union. Nothing for a class that neither truth nor
  /// prediction has anywhere; 0 for one that is only predicted.
  std::vector<std::optional<double>> class_iou;
  /// Mean of class_iou over the classes that have one.
  double mean_iou = 0;
  /// Share of pixels, void left out, that are right.
  double pixel_accuracy = 0;
  /// Mean over the classes in the truth of the share found of each.
  double mean_accuracy = 0;
  /// class_iou weighted by the share of each class in the truth.
  double frequency_weighted_iou = 0;
};

/// Counts (true class, predicted class) over a whole data set; the scores come
/// from these counts, never from means over images. int64, so that no data set
/// is too large.
/// Source: Everingham et al. 2015, "The Pascal visual object classes
/// challenge: a retrospective", section 3.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int64_t num_classes);
  /// With counts() of another one, row by row.
  explicit ConfusionMatrix(const std::vector<int64_t>& counts);

  /// Adds images. Pixels whose label is kVoid do not count.
  ///
  /// Shapes: labels and predictions int64, equal; any device.
  /// Throws: c10::Error for a label or prediction out of range.
  void add(const torch::Tensor& labels, const torch::Tensor& predictions);
  /// Adds what another one counted, of as many classes.
  void merge(const ConfusionMatrix& other);

  /// Int64 [K, K], row: truth, column: prediction.
  const torch::Tensor& counts() const noexcept { return counts_; }
  Scores scores() const;

 private:
  torch::Tensor counts_;
};

}  // namespace deeplab::engine
