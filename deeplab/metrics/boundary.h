// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/types.h>

namespace deeplab::metrics {

/// Counts of one image about the boundaries of one class, in pixels.
struct BoundaryCounts {
  /// Intersection and union of the bands along the boundaries, inside the true
  /// regions and inside the predicted regions.
  int64_t band_both = 0;
  int64_t band_either = 0;
  /// Length of the true contour, and the part of it that lies near the
  /// predicted contour.
  int64_t true_contour = 0;
  int64_t true_contour_found = 0;
  /// Length of the predicted contour, and the part of it that lies near the
  /// true contour.
  int64_t predicted_contour = 0;
  int64_t predicted_contour_right = 0;
};

/// Counts for boundary IoU and boundary F-score, with one entry per class.
///
/// The band of a class is its pixels that lie within 2 % of the image diagonal
/// (Chebyshev distance) of another class or of the image border. Void in the
/// truth is void in the prediction too. Void itself makes no boundary; pixels
/// of another class beyond it do. Source: Cheng et al. 2021, arXiv:2103.16562,
/// section 4, and its released code.
///
/// The contour of a class is its pixels that share a side with another class.
/// Two contours are near each other within 0.75 % of the diagonal (Euclidean
/// distance). Void in the truth takes the class of the nearest pixel
/// (city-block distance; the lowest class in a tie), so that objects that
/// Pascal VOC surrounds with void have a contour. The predicted contour inside
/// or next to void counts only where it is right. Source: Csurka et al. 2013,
/// "What is a good evaluation measure for semantic segmentation?", section 3.
///
/// Both distances are rounded to whole pixels and are at least 1.
///
/// Shapes: labels and prediction int64 [H, W] on the CPU, in 0..num_classes-1;
///         labels may also hold kVoid.
std::vector<BoundaryCounts> count_boundaries(
    const torch::Tensor& labels,
    const torch::Tensor& prediction,
    int64_t num_classes
);

}  // namespace deeplab::metrics
