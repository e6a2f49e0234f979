// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "deeplab/metrics/boundary.h"
#include "deeplab/metrics/metrics.h"
#include "deeplab/metrics/regions.h"

namespace deeplab::metrics {

/// Selects what an evaluation counts besides the confusion matrix.
struct EvaluationOptions {
  int64_t num_classes = 0;
  /// Widths of the bands around boundaries, in pixels (see boundary_band()).
  std::vector<int64_t> trimap_widths;
  /// Also counts boundary IoU, boundary F-score, object sizes, and each image.
  bool details = true;
};

/// Counts of one image for one class, in pixels.
struct ClassCounts {
  int64_t right = 0;
  int64_t in_truth = 0;
  int64_t in_prediction = 0;
  BoundaryCounts boundary;
};
using ImageCounts = std::vector<ClassCounts>;

/// Returns pointers to all counts of a class, for adding or storing them.
template <class Counts>
auto fields_of(Counts& counts) {
  auto& boundary = counts.boundary;
  return std::array{
      &counts.right,
      &counts.in_truth,
      &counts.in_prediction,
      &boundary.band_both,
      &boundary.band_either,
      &boundary.true_contour,
      &boundary.true_contour_found,
      &boundary.predicted_contour,
      &boundary.predicted_contour_right};
}

/// Returns the mean IoU over the classes that occur, or 0 if none does.
double mean_iou(const ImageCounts& counts);
/// Adds the counts class by class.
void add_to(ImageCounts& sum, const ImageCounts& more);

/// Scores, each in [0, 1], that show more detail than Scores.
struct DetailedScores {
  /// IoU of the bands along boundaries, counted over all images; empty for a
  /// class without a band. The mean is over the other classes.
  std::vector<std::optional<double>> class_boundary_iou;
  double mean_boundary_iou = 0;
  /// Boundary F-score: the harmonic mean of the recall and precision of contour
  /// pixels per image and class, averaged over the images in which truth or
  /// prediction has a contour of the class. The mean is over the classes that
  /// have a contour.
  std::vector<std::optional<double>> class_boundary_f;
  double mean_boundary_f = 0;
  /// Fraction of the pixels predicted correctly (recall) in true regions of
  /// each RegionSize.
  std::array<std::optional<double>, kRegionSizes> found_by_size;
};

/// Everything that is counted in one pass over a data set. All counts are whole
/// numbers, so parts of a data set may be counted in any place and merged in
/// any order, with bit-identical results.
class Evaluation {
 public:
  explicit Evaluation(EvaluationOptions options);

  /// Adds one image.
  ///
  /// Shapes: labels int64 [H, W], prediction int64 [H, W]; any device.
  /// Throws: Error if `details` is on and an image of this name was counted
  ///         before; c10::Error like ConfusionMatrix::add().
  void add(
      const std::string& name,
      const torch::Tensor& labels,
      const torch::Tensor& prediction
  );
  /// Adds the counts of another evaluation with the same options.
  /// Throws: Error for an image that both counted.
  void merge(const Evaluation& other);
  /// Converts all counts to text for another process, and merges such a text.
  /// Throws: the same as merge(); DataError for a text that is damaged or was
  ///         made with other options.
  std::string to_text() const;
  void merge_text(const std::string& text);

  const EvaluationOptions& options() const noexcept { return options_; }
  const ConfusionMatrix& confusion() const noexcept { return confusion_; }
  Scores scores() const { return confusion_.scores(); }
  /// Mean IoU within the band of each trimap width.
  std::vector<std::pair<int64_t, double>> trimap() const;
  DetailedScores details() const;
  /// Counts by image name; empty if `details` is off.
  const std::map<std::string, ImageCounts>& images() const noexcept {
    return images_;
  }

 private:
  void add_details(
      const std::string& name,
      const torch::Tensor& labels,
      const torch::Tensor& prediction,
      const ConfusionMatrix& own
  );

  EvaluationOptions options_;
  ConfusionMatrix confusion_;
  std::vector<ConfusionMatrix> bands_;
  /// Number of pixels in true regions of each size, and the number of them that
  /// were predicted correctly.
  std::array<int64_t, kRegionSizes> in_size_{};
  std::array<int64_t, kRegionSizes> found_in_size_{};
  std::map<std::string, ImageCounts> images_;
};

}  // namespace deeplab::metrics
