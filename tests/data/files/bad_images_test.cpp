// SPDX-License-Identifier: Apache-2.0
// Reads every file of the shared folder bad_images as an image and as a mask.
// The result must be the right pixels or a clear DataError, never a crash or a
// wrong label.
#include <algorithm>
#include <filesystem>
#include <map>

#include <fmt/core.h>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "data/files/image_file.h"
#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::data {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::StartsWith;
namespace fs = std::filesystem;

/// The damaged files and regular expressions for their error messages (one
/// message differs between libpng 1.6.39 and 1.6.48). All other files can be
/// decoded.
const std::map<std::string, std::string> kDamaged{
    {"invalid_palette_index.png", "palette index"},
    {"x_consecutive_idat.png", "Not enough image data"},
    {"x_ihdr_missing.png", "Missing IHDR"},
    {"x_image-issue#1075.png", "Not enough image data"},
    {"x_interlaced_chck.png", "CRC error"},
    {"x_issue#214.png", "Invalid IHDR data"},
    {"x_issue#230.0.png", "out of range"},
    {"x_issue#230.1.png", "out of range"},
    {"x_unexpected_eof.png", "invalid (chunk )?type"},
    {"xc1n0g08.png", "Invalid IHDR data"},
    {"xc9n2c08.png", "Invalid IHDR data"},
    {"xcrn0g04.png", "not a JPEG or PNG file"},
    {"xcsn0g01.png", "CRC error"},
    {"xd0n2c08.png", "Invalid IHDR data"},
    {"xd3n2c08.png", "Invalid IHDR data"},
    {"xd9n2c08.png", "Invalid IHDR data"},
    {"xdtn0g01.png", "IEND: out of place"},
    {"xhdn0g08.png", "CRC error"},
    {"xlfn0g04.png", "not a JPEG or PNG file"},
    {"xs1n0g01.png", "not a JPEG or PNG file"},
    {"xs2n0g01.png", "not a JPEG or PNG file"},
    {"xs4n0g01.png", "not a JPEG or PNG file"},
    {"xs7n0g01.png", "not a JPEG or PNG file"},
};

std::vector<fs::path> bad_images() {
  std::vector<fs::path> files;
  for (const auto& entry :
       fs::recursive_directory_iterator(testing::shared_data("bad_images"))) {
    const auto ending = entry.path().extension();
    if (ending == ".png" || ending == ".jpg") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// The pixel format in the header of a PNG.
struct Header {
  int depth;
  int color_type;
};
Header header_of(const fs::path& file) {
  const auto bytes = testing::read_text(file.string());
  return {bytes.at(24), bytes.at(25)};
}
constexpr int kGrey = 0;
constexpr int kPalette = 3;
constexpr int kGreyAlpha = 4;

TEST(BadImages, AsImageGiveTheRightPixelsOrAClearError) {
  SKIP_WITHOUT_SHARED("bad_images", "PngSuite and EXIF examples");
  size_t damaged = 0;
  for (const auto& file : bad_images()) {
    const auto path = file.string();
    const auto expected = kDamaged.find(file.filename().string());
    if (expected != kDamaged.end()) {
      const auto message = message_of<DataError>([&] { read_image(path); });
      EXPECT_THAT(message, StartsWith(path + ": "));
      EXPECT_THAT(message, ContainsRegex(expected->second)) << path;
      ++damaged;
      continue;
    }
    const auto image = read_image(path);
    // OpenCV reads the undamaged files independently.
    const auto reference = cv::imread(path, cv::IMREAD_COLOR);
    ASSERT_EQ(image.size(), reference.size()) << path;
    // OpenCV truncates 16 bits to 8; this project rounds them.
    EXPECT_LE(cv::norm(image, reference, cv::NORM_INF), 1) << path;
  }
  EXPECT_EQ(damaged, kDamaged.size());
}

TEST(BadImages, AsMaskGiveIndicesOrAClearError) {
  SKIP_WITHOUT_SHARED("bad_images", "PngSuite and EXIF examples");
  size_t decoded = 0;
  for (const auto& file : bad_images()) {
    const auto path = file.string();
    const auto name = file.filename().string();
    // For a mask, an index without a palette colour is valid.
    const bool damaged =
        kDamaged.count(name) > 0 && name != "invalid_palette_index.png";
    std::string reason;
    if (file.extension() == ".jpg") {
      reason = "a JPEG cannot be a mask";
    } else if (damaged) {
      reason = path + ": ";
    } else if (header_of(file).depth == 16) {
      reason = "is a 16-bit mask";
    } else if (const int type = header_of(file).color_type;
               type != kGrey && type != kPalette && type != kGreyAlpha) {
      reason = "a mask of colours";
    }
    if (!reason.empty()) {
      EXPECT_THAT(
          message_of<DataError>([&] { read_mask(path); }), HasSubstr(reason)
      ) << path;
      continue;
    }
    double most = 0;
    cv::minMaxLoc(read_mask(path), nullptr, &most);
    EXPECT_LT(most, 1 << header_of(file).depth) << path;
    ++decoded;
  }
  EXPECT_GT(decoded, 90U);
}

TEST(BadImages, AllOrientationsShowTheSamePhoto) {
  SKIP_WITHOUT_SHARED("bad_images", "PngSuite and EXIF examples");
  const auto photo = [](int orientation) {
    return read_image(testing::shared_data(
        fmt::format("bad_images/exif/Portrait_{}.jpg", orientation)
    ));
  };
  const auto upright = photo(1);
  for (int orientation = 2; orientation <= 8; ++orientation) {
    const auto turned = photo(orientation);
    ASSERT_EQ(turned.size(), upright.size()) << orientation;
    // Each orientation was encoded separately, so the pixels are not exactly
    // equal.
    const double mean =
        cv::norm(turned, upright, cv::NORM_L1) / (3.0 * 1200 * 1800);
    EXPECT_LT(mean, 5) << orientation;
  }
}

TEST(BadImages, VocMasksHoldVocsClassesAndVoid) {
  SKIP_WITHOUT_SHARED("bad_images", "PngSuite and EXIF examples");
  const auto mask =
      read_mask(testing::shared_data("bad_images/masks/2011_000003.png"));
  cv::Mat person = mask == 15;
  EXPECT_GT(cv::countNonZero(person), 1000);
  cv::Mat other = (mask > 20) & (mask < 255);
  EXPECT_EQ(cv::countNonZero(other), 0);
}

}  // namespace
}  // namespace deeplab::data
