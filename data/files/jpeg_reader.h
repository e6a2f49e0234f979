// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <opencv2/core/mat.hpp>

namespace deeplab::data {

/// Decodes a JPEG without applying its EXIF orientation. libjpeg's warnings
/// about missing or damaged data are errors here. CMYK and YCCK are converted
/// without a color profile.
///
/// Shapes: -> u8 [H, W, 3], BGR.
/// Throws: DataError with libjpeg's reason.
cv::Mat decode_jpeg(const std::string& bytes);

}  // namespace deeplab::data
