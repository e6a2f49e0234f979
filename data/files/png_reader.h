// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <opencv2/core/mat.hpp>

namespace deeplab::data {

/// The form in which decode_png() returns the pixels.
enum class PngForm {
  /// Colors, whatever the file stores: u8 [H, W, 3], BGR.
  kColor,
  /// Palette indices or grey values as stored, unscaled: u8 [H, W]. Alpha is
  /// dropped.
  kIndices,
  /// kColor if the file stores RGB, kIndices otherwise. 16 bits are refused.
  kIndicesOrColor,
};

/// A decoded PNG and its EXIF block (empty if there is none). The EXIF
/// orientation is not applied.
struct Png {
  cv::Mat pixels;
  std::string exif;
};

/// Decodes a PNG.
/// Throws: DataError with libpng's reason. In the forms for masks, also if the
///         file has 16 bits per channel, or RGB colors under kIndices.
Png decode_png(const std::string& bytes, PngForm form);

}  // namespace deeplab::data
