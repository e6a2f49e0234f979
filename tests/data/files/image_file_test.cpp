// SPDX-License-Identifier: Apache-2.0
#include "data/files/image_file.h"

#include <map>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

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
  for (const char* ending : {".jpg", ".png"}) {
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
