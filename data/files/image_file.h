// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <opencv2/core/mat.hpp>

#include "data/dataset/classes.h"

namespace deeplab::data {

/// Decodes a photo: JPEG or PNG, and BMP, TIFF, WebP and PNM by
/// OpenCV. A truncated or damaged JPEG or PNG is an error; no partly decoded
/// image is returned. The EXIF orientation of JPEG and PNG is applied. Grey and
/// CMYK are converted to color, 16 bits to 8, and alpha is dropped.
///
/// Shapes: -> u8 [H, W, 3], BGR as in OpenCV.
/// Throws: DataError whose message begins with `path`.
cv::Mat read_image(const std::string& path);

/// Decodes a label mask. A palette PNG gives its indices (never its colors), a
/// grey PNG of 1, 2, 4 or 8 bits its values; alpha is dropped. A BMP or TIFF
/// must be grey. The EXIF orientation is applied, as for photos.
///
/// Shapes: -> u8 [H, W].
/// Throws: DataError whose message begins with `path`; also for 16-bit and for
///         color PNGs, whose values are not classes.
cv::Mat read_mask(const std::string& path);

/// The kinds of values that the pixels of a mask may have.
enum class MaskForm { kIndices, kIndicesOrColors };

/// Decodes a photo like read_image(), from the contents of a file. Error
/// messages begin with `name`.
cv::Mat decode_image(const std::string& bytes, const std::string& name);

/// Decodes a mask like read_mask(), from the contents of a file. With
/// kIndicesOrColors, an RGB PNG of 8 bits per channel is accepted too: its
/// colors are returned unchanged and alpha is dropped.
///
/// Shapes: -> u8 [H, W], or u8 [H, W, 3] in BGR.
cv::Mat decode_mask(
    const std::string& bytes, const std::string& name, MaskForm form
);

/// Encodes a mask as a palette PNG, which decode_mask() reads back unchanged.
/// Index 255 is shown in VOC's void color, near white.
///
/// Shapes: labels u8 [H, W].
std::string encode_mask(const cv::Mat& labels, const Classes& classes);

/// Writes a mask like encode_mask().
void write_mask(
    const std::string& path, const cv::Mat& labels, const Classes& classes
);

/// Writes a mask of classes with the values that they have in their data set
/// (Classes::values).
///
/// Shapes: labels u8 [H, W], each a class.
void write_mask_values(
    const std::string& path, const cv::Mat& labels, const Classes& classes
);

/// Writes a photo as JPEG or PNG, chosen by the extension (.jpg or .png).
///
/// Shapes: image u8 [H, W, 3], BGR.
void write_image(const std::string& path, const cv::Mat& image);

/// Encodes a photo in memory, e.g. for a web page. `ending` is ".jpg" or
/// ".png".
std::string encode_image(const cv::Mat& image, const std::string& ending);

}  // namespace deeplab::data
