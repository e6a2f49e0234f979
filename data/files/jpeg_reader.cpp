// SPDX-License-Identifier: Apache-2.0
#include "data/files/jpeg_reader.h"

#include <array>
#include <csetjmp>
#include <cstdio>

// jpeglib.h needs types from <cstdio>, so <cstdio> must come first.
#include <fmt/core.h>
#include <jerror.h>
#include <jpeglib.h>

#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

/// Error state. libjpeg reports errors through callbacks, and an exception must
/// not propagate through libjpeg.
struct Failure {
  jpeg_error_mgr manager;
  std::jmp_buf back;
  std::array<char, JMSG_LENGTH_MAX> message;
};

void fail(j_common_ptr info) {
  auto* failure = reinterpret_cast<Failure*>(info->err);
  (*info->err->format_message)(info, failure->message.data());
  std::longjmp(failure->back, 1);
}

/// Treats warnings as errors, since nearly all of them mean missing or damaged
/// pixels. The harmless ones are ignored. One of them is JWRN_NOT_SEQUENTIAL:
/// some cameras write wrong parameters of progressive JPEG into the scan header
/// of a baseline JPEG, which does not use them.
void fail_on_warning(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  const bool harmless = code == JWRN_EXTRANEOUS_DATA ||
                        code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM ||
                        code == JWRN_NOT_SEQUENTIAL;
  if (level < 0 && !harmless) fail(info);
}

bool is_cmyk(const jpeg_decompress_struct& info) {
  return info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
}

/// Converts inks to colors. Files with Adobe's marker store the inks inverted,
/// 255 for none.
cv::Mat from_cmyk(const cv::Mat& inks, bool inverted) {
  cv::Mat image(inks.size(), CV_8UC3);
  for (int y = 0; y < inks.rows; ++y) {
    for (int x = 0; x < inks.cols; ++x) {
      const auto& ink = inks.at<cv::Vec4b>(y, x);
      const auto light = [&](int channel) {
        return inverted ? ink[channel] : 255 - ink[channel];
      };
      for (int channel = 0; channel < 3; ++channel) {
        const int rgb = (light(channel) * light(3) + 127) / 255;
        image.at<cv::Vec3b>(y, x)[2 - channel] = static_cast<uint8_t>(rgb);
      }
    }
  }
  return image;
}

/// Throws: DataError if the header claims more pixels than the file can hold,
///         so that a damaged size does not allocate gigabytes. A block of 8x8
///         pixels takes at least a bit.
void check_size(const jpeg_decompress_struct& info, size_t bytes) {
  constexpr size_t kMostPerByte = 512;
  const auto pixels = static_cast<size_t>(info.image_width) * info.image_height;
  if (pixels / kMostPerByte <= bytes) return;
  throw DataError(fmt::format(
      "JPEG: {} bytes cannot hold {}x{} pixels", bytes, info.image_width,
      info.image_height
  ));
}

/// This frame must hold only trivially destructible data, because longjmp runs
/// no destructors.
bool decode(
    jpeg_decompress_struct& info,
    Failure& failure,
    const std::string& bytes,
    cv::Mat& image
) {
  if (setjmp(failure.back) != 0) return false;
  jpeg_create_decompress(&info);
  jpeg_mem_src(
      &info, reinterpret_cast<const unsigned char*>(bytes.data()),
      static_cast<unsigned long>(bytes.size())
  );
  jpeg_read_header(&info, TRUE);
  check_size(info, bytes.size());
  info.out_color_space = is_cmyk(info) ? JCS_CMYK : JCS_EXT_BGR;
  jpeg_start_decompress(&info);
  image.create(
      static_cast<int>(info.output_height), static_cast<int>(info.output_width),
      is_cmyk(info) ? CV_8UC4 : CV_8UC3
  );
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = image.ptr(static_cast<int>(info.output_scanline));
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  return true;
}

struct JpegCleanup {
  jpeg_decompress_struct& info;
  ~JpegCleanup() { jpeg_destroy_decompress(&info); }
};

}  // namespace

cv::Mat decode_jpeg(const std::string& bytes) {
  jpeg_decompress_struct info{};
  const JpegCleanup cleanup{info};
  Failure failure{};
  info.err = jpeg_std_error(&failure.manager);
  failure.manager.error_exit = fail;
  failure.manager.emit_message = fail_on_warning;
  cv::Mat image;
  if (!decode(info, failure, bytes, image)) {
    throw DataError(fmt::format("JPEG: {}", failure.message.data()));
  }
  return is_cmyk(info) ? from_cmyk(image, info.saw_Adobe_marker != 0) : image;
}

}  // namespace deeplab::data
