// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/types.h>

namespace deeplab::engine {

/// What one image tells of the boundaries of one class, in pixels.
struct BoundaryCounts {
  /// Of the bands inside truth and prediction along their boundaries: pixels
  /// in both, and in one of them.
  int64_t band_both = 0;
  int64_t band_either = 0;
  /// The truth's contour, and what of it lies near the prediction's.
  int64_t true_contour = 0;
  int64_t true_contour_found = 0;
  /// The prediction's contour, and what of it lies near the truth's.
  int64_t predicted_contour = 0;
  int64_t predicted_contour_right = 0;
};

/// Counts for boundary IoU and boundary F-score, one entry a class.
///
/// Band: pixels of a class within 2 % of the image's diagonal (as a square
/// reaches) of another class or of the image's edge. Source: Cheng et al. 2021,
/// arXiv:2103.16562, section 4, and its released code.
/// Void in the truth is void in the prediction too, and no boundary of itself:
/// what lies across it counts.
/// Contour: pixels of a class that share a side with another class; near is
/// within 0.75 % of the diagonal, Euclidean. Source: Csurka et al. 2013, "What
/// is a good evaluation measure for semantic segmentation?", section 3. Void in
/// the truth takes the class of the nearest pixel (city blocks; of several, the
/// lowest class), so that objects that Pascal VOC rings with void have a
/// contour; the prediction's contour in or against void counts only where it is
/// right.
/// Both lengths are rounded and at least 1.
///
/// Shapes: labels and prediction int64 [H, W] on the CPU, in 0..num_classes-1,
///         labels also kVoid.
std::vector<BoundaryCounts> count_boundaries(
    const torch::Tensor& labels,
    const torch::Tensor& prediction,
    int64_t num_classes
);

}  // namespace deeplab::engine
