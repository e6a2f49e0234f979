// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "deeplab/core/config_io.h"

namespace deeplab::data {

/// Rasterizes a COCO segmentation: polygons (each a list x1, y1, x2, y2, ...; a
/// pixel is inside if its center is) or run lengths, given as numbers or packed
/// into a string.
///
/// Shapes: -> u8 [size], 1 inside.
/// Throws: DataError if `segmentation` has none of these forms, or if its run
///         lengths belong to another image size.
cv::Mat coco_region(const Json& segmentation, const cv::Size& size);

/// Unpacks the run lengths of a column-major mask from COCO's string encoding.
/// Throws: DataError for a string that ends within a number.
std::vector<int64_t> unpack_run_lengths(const std::string& packed);

}  // namespace deeplab::data
