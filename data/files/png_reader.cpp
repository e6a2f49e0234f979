// SPDX-License-Identifier: Apache-2.0
#include "data/files/png_reader.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>

#include <fmt/core.h>
#include <png.h>

#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

/// State of one decoding. libpng reports errors through callbacks, and an
/// exception must not propagate through libpng.
struct Reading {
  const std::string& bytes;
  size_t position = 0;
  std::array<char, 256> message{};
};

void set_message(Reading& reading, const char* message) {
  std::strncpy(reading.message.data(), message, reading.message.size() - 1);
}

void fail(png_structp png, png_const_charp message) {
  set_message(*static_cast<Reading*>(png_get_error_ptr(png)), message);
  png_longjmp(png, 1);
}

// Warnings concern metadata such as profiles, text and dates, never the pixels.
void ignore(png_structp /*png*/, png_const_charp /*message*/) {}

void read_bytes(png_structp png, png_bytep target, png_size_t count) {
  auto& reading = *static_cast<Reading*>(png_get_io_ptr(png));
  if (count > reading.bytes.size() - reading.position) {
    png_error(png, "ends too early (truncated?)");
  }
  std::memcpy(target, reading.bytes.data() + reading.position, count);
  reading.position += count;
}

bool has_palette(png_structp png, png_infop info) {
  return png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE;
}

void set_color(png_structp png, png_infop info) {
  png_set_scale_16(png);
  png_set_expand(png);
  png_set_gray_to_rgb(png);
  png_set_strip_alpha(png);
  png_set_bgr(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
}

void refuse_16_bits(png_structp png, png_infop info) {
  if (png_get_bit_depth(png, info) == 16) {
    png_error(png, "is a 16-bit mask; expected 8-bit class indices");
  }
}

void set_indices(png_structp png, png_infop info) {
  const auto type = png_get_color_type(png, info);
  if (type == PNG_COLOR_TYPE_GRAY_ALPHA) {
    png_set_strip_alpha(png);
  } else if (type != PNG_COLOR_TYPE_PALETTE && type != PNG_COLOR_TYPE_GRAY) {
    png_error(
        png,
        "is a mask of colours; save class indices (palette or grey PNG), or declare the colours of your classes (data.colors, classes.json)"
    );
  }
  png_set_packing(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
}

/// Replaces palette indices by their colors. libpng's own conversion is not
/// used, since it invents a color for an index that the palette lacks.
void look_up_palette(png_structp png, png_infop info, cv::Mat& pixels) {
  png_colorp palette = nullptr;
  int entries = 0;
  png_get_PLTE(png, info, &palette, &entries);
  cv::Mat colors(pixels.size(), CV_8UC3);
  for (int y = 0; y < pixels.rows; ++y) {
    for (int x = 0; x < pixels.cols; ++x) {
      const int index = pixels.at<uint8_t>(y, x);
      if (index >= entries) {
        throw DataError(fmt::format(
            "PNG: palette index {} at row {}, column {}; its palette has {} colours",
            index, y, x, entries
        ));
      }
      const auto& color = palette[index];
      colors.at<cv::Vec3b>(y, x) = {color.blue, color.green, color.red};
    }
  }
  pixels = colors;
}

/// Refuses an image that is larger than what the file can hold, so that a
/// damaged size does not allocate gigabytes. Deflate shrinks data at most 1032
/// times.
void check_size(png_structp png, png_infop info, size_t bytes) {
  constexpr size_t kMostPerByte = 1032;
  const size_t rows = png_get_image_height(png, info);
  if (rows * png_get_rowbytes(png, info) / kMostPerByte <= bytes) return;
  png_error(png, "Not enough image data for its size (truncated?)");
}

/// Returns true if libpng must convert to color. Palette images return false
/// here: look_up_palette() converts them afterwards.
bool is_color(png_structp png, png_infop info, PngForm form) {
  if (form == PngForm::kColor) return !has_palette(png, info);
  const auto type = png_get_color_type(png, info);
  return form == PngForm::kIndicesOrColor &&
         (type == PNG_COLOR_TYPE_RGB || type == PNG_COLOR_TYPE_RGB_ALPHA);
}

/// This frame must hold only trivially destructible data, because longjmp runs
/// no destructors.
bool decode(png_structp png, png_infop info, PngForm form, Png& result) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_read_info(png, info);
  check_size(
      png, info, static_cast<Reading*>(png_get_io_ptr(png))->bytes.size()
  );
  const bool color = is_color(png, info, form);
  if (form != PngForm::kColor) refuse_16_bits(png, info);
  if (color) {
    set_color(png, info);
  } else {
    set_indices(png, info);
  }
  result.pixels.create(
      static_cast<int>(png_get_image_height(png, info)),
      static_cast<int>(png_get_image_width(png, info)),
      color ? CV_8UC3 : CV_8UC1
  );
  if (png_get_rowbytes(png, info) !=
      result.pixels.elemSize() * static_cast<size_t>(result.pixels.cols)) {
    png_error(png, "has rows of an unexpected length");
  }
  for (int pass = png_get_interlace_type(png, info) ? 7 : 1; pass > 0; --pass) {
    for (int row = 0; row < result.pixels.rows; ++row) {
      png_read_row(png, result.pixels.ptr(row), nullptr);
    }
  }
  png_read_end(png, info);
  return true;
}

struct PngCleanup {
  png_structp png;
  png_infop info;
  ~PngCleanup() { png_destroy_read_struct(&png, &info, nullptr); }
};

std::string exif_of(png_structp png, png_infop info) {
  png_uint_32 count = 0;
  png_bytep data = nullptr;
  if (png_get_eXIf_1(png, info, &count, &data) == 0) return {};
  return {reinterpret_cast<const char*>(data), count};
}

}  // namespace

Png decode_png(const std::string& bytes, PngForm form) {
  Reading reading{bytes};
  png_structp png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &reading, fail, ignore);
  png_infop info = png_create_info_struct(png);
  png_set_read_fn(png, &reading, read_bytes);
  const PngCleanup cleanup{png, info};
  Png result;
  if (!decode(png, info, form, result)) {
    throw DataError(fmt::format("PNG: {}", reading.message.data()));
  }
  if (form == PngForm::kColor && has_palette(png, info)) {
    look_up_palette(png, info, result.pixels);
  }
  result.exif = exif_of(png, info);
  return result;
}

}  // namespace deeplab::data
