// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <opencv2/core/mat.hpp>

namespace deeplab::data {

/// What a PNG's pixels are.
enum class PngForm {
  /// Colours, whatever the file stores: u8 [H, W, 3], BGR.
  kColor,
  /// Palette indices or grey values as stored, unscaled: u8 [H, W].
  kIndices,
  /// kIndices, but kColor for what stores RGB; never of 16 bits.
  kIndicesOrColor,
};

/// A decoded PNG, not turned, and its EXIF block (empty where it has none).
struct Png {
  cv::Mat pixels;
  std::string exif;
};

/// Throws: DataError with libpng's reason; for masks also where the file stores
///         16 bits, or colours that were not asked for.
Png decode_png(const std::string& bytes, PngForm form);

}  // namespace deeplab::data
