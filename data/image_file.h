// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <opencv2/core/mat.hpp>

#include "data/classes.h"

namespace deeplab::data {

/// Decodes a JPEG or PNG photo, whole or not at all: a truncated or damaged
/// file is an error, not a half-grey image. The orientation that its EXIF
/// block names is applied. Grey becomes colour, 16 bits become 8, alpha goes.
///
/// Shapes: -> u8 [H, W, 3], BGR as in OpenCV.
/// Throws: DataError that begins with `path`.
cv::Mat read_image(const std::string& path);

/// Decodes a label mask: a palette PNG as its indices (never as its colours),
/// a grey PNG of 1, 2, 4 or 8 bits as its values. EXIF orientation is applied
/// as to photos.
///
/// Shapes: -> u8 [H, W].
/// Throws: DataError that begins with `path`; also for 16-bit and for colour
///         PNGs, whose values are not classes.
cv::Mat read_mask(const std::string& path);

/// What a mask may be.
enum class MaskForm { kIndices, kIndicesOrColors };

/// As read_image(), of a file's bytes; `name` begins the messages.
cv::Mat decode_image(const std::string& bytes, const std::string& name);

/// As read_mask(), of a file's bytes. Where colors may be, an RGB PNG of 8 bits
/// a channel gives them unchanged (alpha goes).
///
/// Shapes: -> u8 [H, W], or u8 [H, W, 3] in BGR.
cv::Mat decode_mask(
    const std::string& bytes, const std::string& name, MaskForm form
);

/// Writes a mask as a palette PNG that read_mask() returns unchanged; index
/// 255 is shown as VOC's void, near white.
///
/// Shapes: labels u8 [H, W].
void write_mask(
    const std::string& path, const cv::Mat& labels, const Classes& classes
);

/// Writes a photo; the ending chooses .jpg or .png.
///
/// Shapes: image u8 [H, W, 3], BGR.
void write_image(const std::string& path, const cv::Mat& image);

/// Encodes a photo in memory, e.g. for a web page; `ending` is ".jpg" or
/// ".png".
std::string encode_image(const cv::Mat& image, const std::string& ending);

}  // namespace deeplab::data
