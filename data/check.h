// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace deeplab::data {

/// What one usable image is like.
struct ImageFacts {
  std::string id;
  int64_t width = 0;
  int64_t height = 0;
  /// Its grey values in 16x16 cells, less their mean, of length 1; all 0 for a
  /// flat image.
  std::array<float, 256> thumbnail{};
  /// Those that have a pixel in it.
  std::vector<size_t> classes;
};

/// What reading every pair of a split found.
struct CheckReport {
  int64_t images = 0;
  /// Pixels of each class.
  std::vector<int64_t> class_pixels;
  /// Pixels that are not void of all images in which a class occurs.
  std::vector<int64_t> pixels_around_class;
  int64_t void_pixels = 0;
  /// Red, green, blue in 0..1, over all pixels.
  std::array<double, 3> mean{};
  std::array<double, 3> deviation{};
  /// Of the usable images, in their order.
  std::vector<ImageFacts> facts;
  /// The message of each pair that cannot be used; the first is the first
  /// offending file.
  std::vector<std::string> problems;
};

/// Decodes every pair whole and counts its labels, in `workers` threads (0:
/// this one), whose number does not change the report. `on_image` may be empty.
CheckReport check_dataset(
    const Dataset& dataset,
    int64_t workers,
    const std::function<void(int64_t done)>& on_image
);

/// Weights of a loss by the median of the classes' frequencies, each counted in
/// the images that have the class; 1 for a class that never occurs.
/// Source: Eigen and Fergus 2015, arXiv:1411.4734, section 6.3.2.
std::vector<double> median_frequency_weights(const CheckReport& report);

/// 1 / ln(1.02 + share of the class); 1 for a class that never occurs.
/// Source: Paszke et al. 2016, arXiv:1606.02147, section 5.1.
std::vector<double> inverse_log_weights(const CheckReport& report);

/// IDs of two images of different splits that look the same.
struct Duplicate {
  std::string one;
  std::string other;
};

/// For each image of `other` the one that looks most like it, where their
/// thumbnails correlate by at least 0.995: copies, also scaled or encoded anew,
/// and frames of a video in which nothing moves. Flat images are left out.
std::vector<Duplicate> near_duplicates(
    const CheckReport& one, const CheckReport& other
);

}  // namespace deeplab::data
