// SPDX-License-Identifier: Apache-2.0
#include "data/files/image_file.h"

#include <array>
#include <cstdlib>
#include <map>

#include <jpeglib.h>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <png.h>
#include <zlib.h>

#include "data/dataset/legend.h"
#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::data {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

cv::Mat gradient(int rows, int columns) {
  cv::Mat image(rows, columns, CV_8UC3);
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < columns; ++x) {
      image.at<cv::Vec3b>(y, x) = cv::Vec3b(
          cv::saturate_cast<uchar>(3 * x), cv::saturate_cast<uchar>(3 * y), 90
      );
    }
  }
  return image;
}

/// Returns the JPEG with an added EXIF block that gives an orientation.
std::string with_orientation(const std::string& jpeg, char orientation) {
  std::string tiff("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19);
  tiff += orientation;
  tiff += std::string(6, '\0');
  const std::string block = std::string("Exif\0\0", 6) + tiff;
  std::string segment("\xff\xe1\0", 3);
  segment += static_cast<char>(block.size() + 2);
  return jpeg.substr(0, 2) + segment + block + jpeg.substr(2);
}

TEST(ReadImage, ReadsWhatOpenCvWrites) {
  const testing::TemporaryFolder folder;
  const auto image = gradient(20, 30);
  write_image(folder / "a.png", image);
  EXPECT_EQ(cv::norm(read_image(folder / "a.png"), image, cv::NORM_INF), 0);
  write_image(folder / "a.jpg", image);
  const auto photo = read_image(folder / "a.jpg");
  EXPECT_EQ(photo.size(), image.size());
  EXPECT_LT(cv::norm(photo, image, cv::NORM_L1) / (20 * 30 * 3), 4);
}

/// EXIF defines eight ways to store the same upright picture.
TEST(ReadImage, TurnsByEveryOrientation) {
  const testing::TemporaryFolder folder;
  const auto upright = gradient(24, 40);
  for (char orientation = 1; orientation <= 8; ++orientation) {
    cv::Mat stored = upright.clone();
    if (orientation == 2) cv::flip(upright, stored, 1);
    if (orientation == 3) cv::flip(upright, stored, -1);
    if (orientation == 4) cv::flip(upright, stored, 0);
    if (orientation == 5) cv::transpose(upright, stored);
    if (orientation == 6)
      cv::rotate(upright, stored, cv::ROTATE_90_COUNTERCLOCKWISE);
    if (orientation == 7) {
      cv::transpose(upright, stored);
      cv::flip(stored.clone(), stored, -1);
    }
    if (orientation == 8) cv::rotate(upright, stored, cv::ROTATE_90_CLOCKWISE);
    testing::write_text(
        folder / "a.jpg",
        with_orientation(encode_image(stored, ".jpg"), orientation)
    );
    const auto read = read_image(folder / "a.jpg");
    ASSERT_EQ(read.size(), upright.size()) << int{orientation};
    EXPECT_LT(cv::norm(read, upright, cv::NORM_L1) / (24 * 40 * 3), 6)
        << int{orientation};
  }
}

TEST(ReadImage, RefusesATruncatedFile) {
  const testing::TemporaryFolder folder;
  for (const char* ending : {".jpg", ".png", ".bmp", ".tif", ".webp"}) {
    const auto whole = encode_image(gradient(60, 60), ending);
    const auto path = folder / (std::string("cut") + ending);
    for (const double share : {0.0, 0.05, 0.3, 0.6, 0.95}) {
      const auto length =
          static_cast<size_t>(share * static_cast<double>(whole.size()));
      testing::write_text(path, whole.substr(0, length));
      EXPECT_THAT(
          message_of<DataError>([&] { read_image(path); }), HasSubstr(path)
      ) << ending
        << share;
    }
  }
}

/// OpenCV writes and reads these formats, so the pixels are known.
TEST(ReadImage, ReadsOtherFormatsAndDepths) {
  const testing::TemporaryFolder folder;
  const auto image = gradient(20, 30);
  for (const char* ending : {".bmp", ".tif", ".ppm"}) {
    const auto path = folder / (std::string("a") + ending);
    cv::imwrite(path, image);
    EXPECT_EQ(cv::norm(read_image(path), image, cv::NORM_INF), 0) << ending;
  }
  cv::imwrite(folder / "a.webp", image, {cv::IMWRITE_WEBP_QUALITY, 101});
  EXPECT_EQ(cv::norm(read_image(folder / "a.webp"), image, cv::NORM_INF), 0);
  for (const char* ending : {".png", ".tif"}) {
    const auto path = folder / (std::string("b") + ending);
    cv::Mat deep;
    image.convertTo(deep, CV_16U, 257);
    cv::imwrite(path, deep);
    EXPECT_EQ(cv::norm(read_image(path), image, cv::NORM_INF), 0) << ending;
    cv::Mat with_alpha;
    cv::cvtColor(image, with_alpha, cv::COLOR_BGR2BGRA);
    with_alpha.forEach<cv::Vec4b>([](cv::Vec4b& pixel, const int*) {
      pixel[3] = 7;
    });
    cv::imwrite(path, with_alpha);
    EXPECT_EQ(cv::norm(read_image(path), image, cv::NORM_INF), 0) << ending;
    cv::imwrite(path, cv::Mat(3, 4, CV_8UC1, cv::Scalar(9)));
    EXPECT_EQ(read_image(path).at<cv::Vec3b>(2, 3), cv::Vec3b(9, 9, 9));
  }
  cv::imwrite(folder / "f.tif", cv::Mat(3, 4, CV_32FC1, cv::Scalar(0.5)));
  EXPECT_THAT(
      message_of<DataError>([&] { read_image(folder / "f.tif"); }),
      HasSubstr("f.tif: its values have neither 8 nor 16 bits")
  );
}

/// Some cameras set the last parameters of the scan header, which only
/// progressive JPEG uses, to 0.
TEST(ReadImage, ReadsCamerasJpegsWithWrongScanParameters) {
  const auto sound = encode_image(gradient(40, 60), ".jpg");
  auto camera = sound;
  const auto scan = camera.find("\xff\xda");
  ASSERT_NE(scan, std::string::npos);
  const auto length = static_cast<size_t>(
      256 * static_cast<uint8_t>(camera[scan + 2]) +
      static_cast<uint8_t>(camera[scan + 3])
  );
  auto& last = camera.at(scan + 2 + length - 2);
  ASSERT_EQ(last, 63);
  last = 0;
  const auto expected = decode_image(sound, "");
  EXPECT_EQ(cv::norm(decode_image(camera, ""), expected, cv::NORM_INF), 0);
}

/// Encodes 8x8 pixels of one ink value, as libjpeg does for print.
std::string cmyk_jpeg(const std::array<uint8_t, 4>& inks, bool ycck) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_width = 8;
  info.image_height = 8;
  info.input_components = 4;
  info.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_colorspace(&info, ycck ? JCS_YCCK : JCS_CMYK);
  jpeg_set_quality(&info, 100, TRUE);
  jpeg_start_compress(&info, TRUE);
  std::vector<uint8_t> row;
  for (int x = 0; x < 8; ++x) row.insert(row.end(), inks.begin(), inks.end());
  for (int y = 0; y < 8; ++y) {
    auto* pixels = row.data();
    jpeg_write_scanlines(&info, &pixels, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string result(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return result;
}

TEST(ReadImage, ConvertsInksToColors) {
  // libjpeg writes Adobe's marker, with which 255 means no ink: cyan 20 %,
  // magenta 60 %, yellow 100 %, black 20 %.
  const std::array<uint8_t, 4> inks{204, 102, 0, 204};
  for (const bool ycck : {false, true}) {
    const auto image = decode_image(cmyk_jpeg(inks, ycck), "");
    const auto pixel = image.at<cv::Vec3b>(3, 3);
    EXPECT_NEAR(pixel[2], 163, 3) << ycck;  // 0.8 * 0.8 * 255
    EXPECT_NEAR(pixel[1], 82, 3) << ycck;   // 0.4 * 0.8 * 255
    EXPECT_NEAR(pixel[0], 0, 3) << ycck;
  }
}

/// Returns the file with its width and height, at this place, set to 65500, or
/// to as much of it as two bytes of a longer number hold.
std::string with_sides(std::string bytes, size_t height_at, size_t width_at) {
  for (const auto at : {height_at, width_at}) {
    bytes.at(at) = '\xff';
    bytes.at(at + 1) = '\xdc';
  }
  return bytes;
}

TEST(ReadImage, RefusesASizeThatTheFileCannotHold) {
  const auto jpeg = encode_image(gradient(20, 20), ".jpg");
  const auto frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  EXPECT_THAT(
      message_of<DataError>([&] {
        decode_image(with_sides(jpeg, frame + 5, frame + 7), "a.jpg");
      }),
      HasSubstr("bytes cannot hold 65500x65500 pixels")
  );
  // The checksum of a PNG's header covers the size.
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = 8;
  image.height = 8;
  image.format = PNG_FORMAT_GRAY;
  const std::string blank(64, '\0');
  std::string png(1000, '\0');
  png_alloc_size_t size = png.size();
  png_image_write_to_memory(
      &image, png.data(), &size, 0, blank.data(), 0, nullptr
  );
  auto claimed = with_sides(png.substr(0, size), 22, 18);
  const auto checksum =
      crc32(0, reinterpret_cast<const Bytef*>(claimed.data()) + 12, 17);
  for (size_t i = 0; i < 4; ++i) {
    claimed[29 + i] = static_cast<char>(checksum >> (24 - 8 * i));
  }
  EXPECT_THAT(
      message_of<DataError>([&] { decode_image(claimed, "a.png"); }),
      HasSubstr("a.png: PNG: Not enough image data for its size")
  );
}

TEST(ReadImage, RefusesWhatIsNoPhoto) {
  const testing::TemporaryFolder folder;
  testing::write_text(folder / "a.jpg", "GIF89a");
  EXPECT_THAT(
      message_of<DataError>([&] { read_image(folder / "a.jpg"); }),
      HasSubstr("a.jpg: not a JPEG or PNG file")
  );
  EXPECT_THAT(
      message_of<DataError>([&] { read_image(folder / "b.jpg"); }),
      HasSubstr("b.jpg: cannot open")
  );
}

TEST(ReadMask, ReturnsWhatWriteMaskWrote) {
  const testing::TemporaryFolder folder;
  cv::Mat labels(16, 16, CV_8UC1);
  for (int i = 0; i < 256; ++i) {
    labels.at<uint8_t>(i / 16, i % 16) = static_cast<uint8_t>(i);
  }
  write_mask(folder / "m.png", labels, make_classes({"a", "b"}, {}));
  EXPECT_EQ(cv::norm(read_mask(folder / "m.png"), labels, cv::NORM_INF), 0);
  // An image viewer shows the mask in the colors of the classes: index 1 is
  // VOC's dark red.
  const auto shown = cv::imread(folder / "m.png");
  EXPECT_EQ(shown.at<cv::Vec3b>(0, 1), cv::Vec3b(0, 0, 128));
}

TEST(ReadMask, ReadsGreyValuesUnscaled) {
  const testing::TemporaryFolder folder;
  const cv::Mat labels = (cv::Mat_<uint8_t>(1, 3) << 0, 7, 255);
  cv::imwrite(folder / "m.png", labels);
  EXPECT_EQ(cv::norm(read_mask(folder / "m.png"), labels, cv::NORM_INF), 0);
}

TEST(ReadMask, DropsAlphaAndReadsExactFormats) {
  const testing::TemporaryFolder folder;
  const cv::Mat labels = (cv::Mat_<uint8_t>(1, 3) << 0, 7, 255);
  // A PNG of grey and alpha, which OpenCV cannot write.
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = 3;
  image.height = 1;
  image.format = PNG_FORMAT_GA;
  const std::array<uint8_t, 6> pixels{0, 255, 7, 128, 255, 255};
  png_image_write_to_file(
      &image, (folder / "ga.png").c_str(), 0, pixels.data(), 0, nullptr
  );
  EXPECT_EQ(cv::norm(read_mask(folder / "ga.png"), labels, cv::NORM_INF), 0);
  for (const char* ending : {".tif", ".bmp"}) {
    const auto path = folder / (std::string("m") + ending);
    cv::imwrite(path, labels);
    EXPECT_EQ(cv::norm(read_mask(path), labels, cv::NORM_INF), 0) << ending;
  }
  cv::imwrite(folder / "m.webp", gradient(4, 4));
  EXPECT_THAT(
      message_of<DataError>([&] { read_mask(folder / "m.webp"); }),
      HasSubstr("m.webp: this format cannot be a mask")
  );
}

TEST(WriteMask, MayHaveTheValuesOfTheDataSet) {
  const testing::TemporaryFolder folder;
  auto classes = make_classes({"a", "b", "c"}, {});
  classes.values = {7, 255, 0};
  const cv::Mat labels = (cv::Mat_<uint8_t>(1, 3) << 0, 1, 2);
  write_mask_values(folder / "m.png", labels, classes);
  const cv::Mat values = (cv::Mat_<uint8_t>(1, 3) << 7, 255, 0);
  EXPECT_EQ(cv::norm(read_mask(folder / "m.png"), values, cv::NORM_INF), 0);
  // The colors are those of the classes.
  const auto shown = cv::imread(folder / "m.png");
  EXPECT_EQ(shown.at<cv::Vec3b>(0, 1), cv::Vec3b(0, 0, 128));
}

TEST(ReadMask, RefusesColoursSixteenBitsAndJpeg) {
  const testing::TemporaryFolder folder;
  write_image(folder / "rgb.png", gradient(4, 4));
  EXPECT_THAT(
      message_of<DataError>([&] { read_mask(folder / "rgb.png"); }),
      HasSubstr("rgb.png: PNG: is a mask of colours")
  );
  cv::imwrite(folder / "deep.png", cv::Mat(4, 4, CV_16UC1, cv::Scalar(300)));
  EXPECT_THAT(
      message_of<DataError>([&] { read_mask(folder / "deep.png"); }),
      HasSubstr("deep.png: PNG: is a 16-bit mask")
  );
  write_image(folder / "m.jpg", gradient(4, 4));
  EXPECT_THAT(
      message_of<DataError>([&] { read_mask(folder / "m.jpg"); }),
      HasSubstr("a JPEG cannot be a mask")
  );
}

TEST(Classes, PaletteIsVocs) {
  EXPECT_EQ(voc_color(0), (Color{0, 0, 0}));
  EXPECT_EQ(voc_color(1), (Color{128, 0, 0}));
  EXPECT_EQ(voc_color(15), (Color{192, 128, 128}));
  EXPECT_EQ(voc_color(20), (Color{0, 64, 128}));
}

TEST(Classes, AreReadWithNamesAndColors) {
  const testing::TemporaryFolder folder;
  testing::write_text(
      folder / "c.json", R"(["sky", {"name": "sea", "color": [1, 2, 3]}])"
  );
  const auto classes = read_legend(folder / "c.json").classes;
  EXPECT_EQ(classes.names, (std::vector<std::string>{"sky", "sea"}));
  EXPECT_EQ(classes.colors[1], (Color{1, 2, 3}));
  testing::write_text(folder / "c.json", R"(["a", {"nam": "b"}])");
  EXPECT_THAT(
      message_of<ConfigError>([&] { read_legend(folder / "c.json"); }),
      HasSubstr("[1].nam is not a known key")
  );
  EXPECT_THROW(make_classes({"a", "a"}, {}), ConfigError);
  EXPECT_THROW(make_classes({"a"}, {}), ConfigError);
}

}  // namespace
}  // namespace deeplab::data
