// SPDX-License-Identifier: Apache-2.0
#include "data/files/image_file.h"

#include <cctype>
#include <memory>

#include <fmt/core.h>
#include <libexif/exif-data.h>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <png.h>

#include "data/files/jpeg_reader.h"
#include "data/files/png_reader.h"
#include "deeplab/core/atomic_file.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

bool begins_with(const std::string& bytes, const std::string& start) {
  return bytes.compare(0, start.size(), start) == 0;
}
bool is_png(const std::string& bytes) {
  return begins_with(bytes, "\x89PNG\r\n\x1a\n");
}
bool is_jpeg(const std::string& bytes) {
  return begins_with(bytes, "\xff\xd8\xff");
}

/// Returns the EXIF orientation, 1 to 8, of a JPEG or of a bare EXIF block.
/// Returns 1, which means "as stored", if there is none.
int orientation_of(const std::string& bytes) {
  const std::unique_ptr<ExifData, void (*)(ExifData*)> data(
      exif_data_new_from_data(
          reinterpret_cast<const unsigned char*>(bytes.data()),
          static_cast<unsigned>(bytes.size())
      ),
      exif_data_unref
  );
  if (!data) return 1;
  const auto* entry =
      exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry == nullptr || entry->size < 2) return 1;
  return exif_get_short(entry->data, exif_data_get_byte_order(data.get()));
}

/// Returns the image turned and mirrored so that it is upright.
/// Source: EXIF 2.32, section 4.6.4, tag 274.
cv::Mat upright(const cv::Mat& stored, int orientation) {
  cv::Mat turned = stored;
  if (orientation >= 5 && orientation <= 8) cv::transpose(stored, turned);
  cv::Mat result;
  switch (orientation) {
    case 2:
    case 6:
      cv::flip(turned, result, 1);
      return result;
    case 4:
    case 8:
      cv::flip(turned, result, 0);
      return result;
    case 3:
    case 7:
      cv::flip(turned, result, -1);
      return result;
    default:
      return turned;
  }
}

/// Adds the prefix that an EXIF block has in a JPEG, which libexif expects.
std::string jpeg_exif(const std::string& block) {
  return block.empty() ? block : std::string("Exif\0\0", 6) + block;
}

/// Formats that OpenCV decodes, by their first bytes.
enum class OtherFormat {
  kNone,
  /// BMP and TIFF, which keep every value of a mask.
  kExact,
  /// WebP and PNM, for photos only.
  kPhoto
};

OtherFormat other_format(const std::string& bytes) {
  for (const char* start : {"BM", "II*", "MM"}) {
    if (begins_with(bytes, start)) return OtherFormat::kExact;
  }
  const bool is_webp = begins_with(bytes, "RIFF") && bytes.size() > 12 &&
                       bytes.compare(8, 4, "WEBP") == 0;
  const bool is_pnm = bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' &&
                      bytes[1] <= '6' && std::isspace(bytes[2]) != 0;
  return is_webp || is_pnm ? OtherFormat::kPhoto : OtherFormat::kNone;
}

/// Decodes a file with OpenCV, without its conversions.
cv::Mat decode_other(const std::string& bytes) {
  const cv::Mat stored(
      1, static_cast<int>(bytes.size()), CV_8UC1,
      const_cast<char*>(bytes.data())
  );
  // OpenCV turns TIFF and WebP by no orientation with this flag.
  auto pixels = cv::imdecode(stored, cv::IMREAD_UNCHANGED);
  if (pixels.empty()) {
    throw DataError("damaged, or of a kind that OpenCV does not read");
  }
  return pixels;
}

cv::Mat to_photo(const cv::Mat& stored) {
  cv::Mat pixels = stored;
  if (pixels.depth() == CV_16U) pixels.convertTo(pixels, CV_8U, 1.0 / 257);
  if (pixels.depth() != CV_8U) {
    throw DataError("its values have neither 8 nor 16 bits");
  }
  switch (pixels.channels()) {
    case 1:
      cv::cvtColor(pixels, pixels, cv::COLOR_GRAY2BGR);
      return pixels;
    case 3:
      return pixels;
    case 4:
      cv::cvtColor(pixels, pixels, cv::COLOR_BGRA2BGR);
      return pixels;
    default:
      throw DataError(
          fmt::format("has {} channels; expected 1, 3 or 4", pixels.channels())
      );
  }
}

cv::Mat to_mask(const cv::Mat& stored, PngForm form) {
  if (stored.depth() != CV_8U) {
    throw DataError("is a mask of more than 8 bits; expected class indices");
  }
  if (stored.channels() == 1) return stored;
  if (form == PngForm::kIndicesOrColor) return to_photo(stored);
  throw DataError(
      "is a mask of colours; save class indices (a grey image), or declare the colours of your classes (data.colors, classes.json)"
  );
}

cv::Mat decode_upright(const std::string& bytes, PngForm form) {
  if (is_png(bytes)) {
    const auto png = decode_png(bytes, form);
    return upright(png.pixels, orientation_of(jpeg_exif(png.exif)));
  }
  const auto other = other_format(bytes);
  if (!is_jpeg(bytes) && other == OtherFormat::kNone) {
    throw DataError(
        "not a JPEG or PNG file, nor another image that is read (BMP, TIFF, WebP, PNM)"
    );
  }
  if (form != PngForm::kColor && other != OtherFormat::kExact) {
    throw DataError(fmt::format(
        "{} cannot be a mask, because its values are not exact; save a PNG",
        is_jpeg(bytes) ? "a JPEG" : "this format"
    ));
  }
  if (other != OtherFormat::kNone) {
    const auto stored = decode_other(bytes);
    return form == PngForm::kColor ? to_photo(stored) : to_mask(stored, form);
  }
  return upright(decode_jpeg(bytes), orientation_of(bytes));
}

cv::Mat decode_named(
    const std::string& bytes, const std::string& name, PngForm form
) {
  try {
    return decode_upright(bytes, form);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", name, error.what()));
  } catch (const cv::Exception& error) {
    throw DataError(fmt::format("{}: {}", name, error.err));
  }
}

}  // namespace

cv::Mat read_image(const std::string& path) {
  return decode_image(read_file(path), path);
}

cv::Mat read_mask(const std::string& path) {
  return decode_mask(read_file(path), path, MaskForm::kIndices);
}

cv::Mat decode_image(const std::string& bytes, const std::string& name) {
  return decode_named(bytes, name, PngForm::kColor);
}

cv::Mat decode_mask(
    const std::string& bytes, const std::string& name, MaskForm form
) {
  return decode_named(
      bytes, name,
      form == MaskForm::kIndices ? PngForm::kIndices : PngForm::kIndicesOrColor
  );
}

std::string encode_mask(const cv::Mat& labels, const Classes& classes) {
  constexpr size_t kEntries = 256;
  constexpr size_t kVoidIndex = 255;
  std::string palette(kEntries * 3, '\0');
  for (size_t i = 0; i < kEntries; ++i) {
    const auto color = i < classes.colors.size() ? classes.colors[i]
                       : i == kVoidIndex         ? kVoidColor
                                                 : Color{};
    std::copy(
        color.begin(), color.end(),
        palette.begin() + static_cast<std::ptrdiff_t>(3 * i)
    );
  }
  const cv::Mat pixels = labels.isContinuous() ? labels : labels.clone();
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(pixels.cols);
  image.height = static_cast<png_uint_32>(pixels.rows);
  image.format = PNG_FORMAT_RGB_COLORMAP;
  image.colormap_entries = kEntries;
  const auto encode = [&](char* target, size_t& size) {
    return png_image_write_to_memory(
               &image, target, &size, 0, pixels.data, 0, palette.data()
           ) != 0;
  };
  size_t size = 0;
  std::string bytes;
  bool written = encode(nullptr, size);
  if (written) {
    bytes.resize(size);
    written = encode(bytes.data(), size);
  }
  if (!written) {
    throw DataError(fmt::format("cannot encode a mask: {}", image.message));
  }
  return bytes;
}

void write_mask(
    const std::string& path, const cv::Mat& labels, const Classes& classes
) {
  write_file(path, encode_mask(labels, classes));
}

void write_mask_values(
    const std::string& path, const cv::Mat& labels, const Classes& classes
) {
  if (classes.values.empty()) return write_mask(path, labels, classes);
  constexpr int kEntries = 256;
  cv::Mat value_of = cv::Mat(1, kEntries, CV_8UC1, cv::Scalar(0));
  Classes palette;
  palette.colors.resize(kEntries);
  palette.colors.back() = kVoidColor;
  for (size_t k = 0; k < classes.values.size(); ++k) {
    const auto value = static_cast<size_t>(classes.values[k]);
    value_of.at<uint8_t>(static_cast<int>(k)) = static_cast<uint8_t>(value);
    palette.colors[value] = classes.colors[k];
  }
  cv::Mat values;
  cv::LUT(labels, value_of, values);
  write_mask(path, values, palette);
}

void write_image(const std::string& path, const cv::Mat& image) {
  const auto dot = path.rfind('.');
  write_file(
      path,
      encode_image(image, dot == std::string::npos ? ".png" : path.substr(dot))
  );
}

std::string encode_image(const cv::Mat& image, const std::string& ending) {
  std::vector<uchar> bytes;
  if (!cv::imencode(ending, image, bytes)) {
    throw DataError(fmt::format("cannot encode an image as {}", ending));
  }
  return {bytes.begin(), bytes.end()};
}

}  // namespace deeplab::data
