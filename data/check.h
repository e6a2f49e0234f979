// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset/dataset.h"

namespace deeplab::data {

/// Facts about one usable image.
struct ImageFacts {
  std::string id;
  int64_t width = 0;
  int64_t height = 0;
  /// The image in grey levels, averaged over a grid of 16x16 cells; the mean is
  /// subtracted and the result scaled to unit length. All zeros for an image of
  /// one flat color.
  std::array<float, 256> thumbnail{};
  /// Indices of the classes that have at least one pixel in the image.
  std::vector<size_t> classes;
};

/// Result of reading every image and mask of a split.
struct CheckReport {
  int64_t images = 0;
  /// Number of pixels per class.
  std::vector<int64_t> class_pixels;
  /// For each class, the number of pixels (void excluded) in the images that
  /// contain the class.
  std::vector<int64_t> pixels_around_class;
  int64_t void_pixels = 0;
  /// Mean and standard deviation over all pixels, per channel in RGB order, for
  /// values in 0..1.
  std::array<double, 3> mean{};
  std::array<double, 3> deviation{};
  /// Facts about each usable image, in the order of the data set.
  std::vector<ImageFacts> facts;
  /// One error message per unusable pair, in the order of the data set.
  std::vector<std::string> problems;
};

/// Decodes every image and mask completely and counts the labels. `workers` is
/// the number of threads; 0 uses the calling thread. The report does not depend
/// on it. `on_image` may be empty.
CheckReport check_dataset(
    const Dataset& dataset,
    int64_t workers,
    const std::function<void(int64_t done)>& on_image
);

/// Returns class weights for a loss by median frequency balancing: the median
/// of the class frequencies divided by the frequency of the class, where the
/// frequency of a class is counted only in images that contain it. The weight
/// is 1 for a class that never occurs.
/// Source: Eigen and Fergus 2015, arXiv:1411.4734, section 6.3.2.
std::vector<double> median_frequency_weights(const CheckReport& report);

/// Returns the class weights 1 / ln(1.02 + fraction of the labelled pixels that
/// belong to the class); 1 for a class that never occurs.
/// Source: Paszke et al. 2016, arXiv:1606.02147, section 5.1.
std::vector<double> inverse_log_weights(const CheckReport& report);

/// Returns the name of a class that occurs in no mask, if there is one and void
/// pixels do occur. The reason may be a mask value that was meant as a class,
/// such as 255 in masks of 0 and 255, but is void. Reads masks only until every
/// class has occurred. Returns an empty name for data without files.
std::string class_missing_beside_void(const Dataset& dataset);

/// IDs of two images from different splits that look the same.
struct Duplicate {
  std::string one;
  std::string other;
};

/// Returns, for each image of `other`, the most similar image of `one` if their
/// thumbnails correlate by at least 0.995. This finds copies, also rescaled or
/// re-encoded ones, and video frames in which nothing moves. Images of one flat
/// color are ignored.
std::vector<Duplicate> near_duplicates(
    const CheckReport& one, const CheckReport& other
);

}  // namespace deeplab::data
