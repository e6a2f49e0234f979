// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <opencv2/core/mat.hpp>

namespace deeplab::data {

/// Reads a matrix of labels from a MATLAB file (level 5). `variable` is its
/// name, or STRUCT.FIELD for one inside a 1x1 structure.
///
/// Shapes: -> u16 [H, W].
/// Throws: DataError that begins with `path`: for no such variable, another
///         type, or a value that 16 bits do not hold.
cv::Mat read_mat_labels(const std::string& path, const std::string& variable);

}  // namespace deeplab::data
