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
/// pixels. The three harmless ones are ignored.
void fail_on_warning(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  const bool harmless = code == JWRN_EXTRANEOUS_DATA ||
                        code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM;
  if (level < 0 && !harmless) fail(info);
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
  info.out_color_space = JCS_EXT_BGR;
  jpeg_start_decompress(&info);
  image.create(
      static_cast<int>(info.output_height), static_cast<int>(info.output_width),
      CV_8UC3
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
  return image;
}

}  // namespace deeplab::data
