// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "data/dataset.h"

namespace deeplab::data {

/// A data set laid out as Pascal VOC's: JPEGImages/ID.jpg (or .jpeg, .png),
/// SegmentationClass/ID.png, ImageSets/Segmentation/SPLIT.txt with an ID a
/// line. Each file's own EXIF orientation is applied, the mask's as the
/// photo's; after it both must have the same size.
/// Source: Everingham et al. 2015, and the VOC 2012 development kit.
std::shared_ptr<const Dataset> make_pascal_voc(
    const DataConfig& config, Role role
);

/// The config's own names, or those of `root`/classes.json.
Classes pascal_voc_classes(const DataConfig& config);

/// Throws: DataError that begins with `path`, with the first pixel whose value
///         is neither 0..num_classes-1 nor kVoid.
void check_labels(
    const cv::Mat& labels, int64_t num_classes, const std::string& path
);

}  // namespace deeplab::data
