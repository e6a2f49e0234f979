// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <opencv2/core/mat.hpp>

namespace deeplab::data {

/// Reads a label matrix from a MATLAB file (level 5). `variable` is its name,
/// or STRUCT.FIELD for a field of a 1x1 structure.
///
/// Shapes: -> u16 [H, W].
/// Throws: DataError whose message begins with `path`, if there is no such
///         variable, if it has another type, or if a value does not fit into 16
///         bits.
cv::Mat read_mat_labels(const std::string& path, const std::string& variable);

}  // namespace deeplab::data
