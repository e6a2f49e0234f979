// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <opencv2/core/mat.hpp>

#include "deeplab/core/config_io.h"

namespace deeplab::data {

/// The pixels of a COCO segmentation: polygons (each a list x1, y1, x2, y2, ..;
/// a pixel is inside when its centre is) or run lengths, as numbers or packed
/// in a string.
///
/// Shapes: -> u8 [size], 1 inside.
/// Throws: DataError for what is none of these, or run lengths of another size.
cv::Mat coco_region(const Json& segmentation, const cv::Size& size);

/// Run lengths of a column-major mask, packed in COCO's string.
/// Throws: DataError for a string that ends within a number.
std::vector<int64_t> unpack_run_lengths(const std::string& packed);

}  // namespace deeplab::data
