// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "deeplab/engine/boundary.h"
#include "deeplab/engine/metrics.h"
#include "deeplab/engine/regions.h"

namespace deeplab::engine {

/// What to count beside the confusion matrix.
struct EvaluationOptions {
  int64_t num_classes = 0;
  /// Widths of bands around boundaries, in pixels (see boundary_band()).
  std::vector<int64_t> trimap_widths;
  /// Boundary IoU, boundary F-score, sizes of objects, and counts per image.
  bool details = true;
};

/// What one image tells of one class, in pixels.
struct ClassCounts {
  int64_t right = 0;
  int64_t in_truth = 0;
  int64_t in_prediction = 0;
  BoundaryCounts boundary;
};
using ImageCounts = std::vector<ClassCounts>;

/// Every count of a class, to add or store them all.
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

/// Mean IoU over the classes that occur; 0 where none does.
double mean_iou(const ImageCounts& counts);
/// Adds class by class.
void add_to(ImageCounts& sum, const ImageCounts& more);

/// Scores, each in [0, 1], that look closer than Scores.
struct DetailedScores {
  /// Intersection over union of the bands along boundaries, summed over all
  /// images; nothing for a class without any. Mean over the others.
  std::vector<std::optional<double>> class_boundary_iou;
  double mean_boundary_iou = 0;
  /// Harmonic mean of the shares of contour found and right, per image and
  /// class; mean over the images that have a contour of the class in truth or
  /// prediction. Mean over the classes that have one.
  std::vector<std::optional<double>> class_boundary_f;
  double mean_boundary_f = 0;
  /// Share found of the pixels in true regions of each RegionSize.
  std::array<std::optional<double>, kRegionSizes> found_by_size;
};

/// Everything that is counted in one pass over a data set: whole numbers only,
/// so that parts of a set, counted anywhere and merged in any order, give the
/// same bits as the whole.
class Evaluation {
 public:
  explicit Evaluation(EvaluationOptions options);

  /// Adds one image.
  ///
  /// Shapes: labels int64 [H, W], prediction int64 [H, W]; any device.
  /// Throws: Error for an image of this name counted before (with details);
  ///         c10::Error as ConfusionMatrix::add().
  void add(
      const std::string& name,
      const torch::Tensor& labels,
      const torch::Tensor& prediction
  );
  /// Adds what another one with the same options counted.
  /// Throws: Error for an image that both counted.
  void merge(const Evaluation& other);
  /// All counts as text, for another process; and one such text merged.
  /// Throws: as merge(); DataError for a text of other options.
  std::string to_text() const;
  void merge_text(const std::string& text);

  const EvaluationOptions& options() const noexcept { return options_; }
  const ConfusionMatrix& confusion() const noexcept { return confusion_; }
  Scores scores() const { return confusion_.scores(); }
  /// Mean IoU within each of the trimap's widths.
  std::vector<std::pair<int64_t, double>> trimap() const;
  DetailedScores details() const;
  /// By name of the image; empty without details.
  const std::map<std::string, ImageCounts>& images() const noexcept {
    return images_;
  }

 private:
  void add_details(
      const std::string& name,
      const torch::Tensor& labels,
      const torch::Tensor& prediction
  );

  EvaluationOptions options_;
  ConfusionMatrix confusion_;
  std::vector<ConfusionMatrix> bands_;
  /// Pixels in regions of each size, and those found.
  std::array<int64_t, kRegionSizes> in_size_{};
  std::array<int64_t, kRegionSizes> found_in_size_{};
  std::map<std::string, ImageCounts> images_;
};

}  // namespace deeplab::engine
