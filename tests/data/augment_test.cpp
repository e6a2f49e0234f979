// SPDX-License-Identifier: Apache-2.0
#include "data/augment.h"

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <torch/types.h>

#include "data/kinds.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "support/support.h"

namespace deeplab::data {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

TEST(Augment, WithoutChangeReturnsTheImage) {
  DataConfig data;
  data.synthetic.width = 96;
  data.synthetic.height = 64;
  const auto sample = make_dataset(data, Role::kTrain)->load(0);
  AugmentConfig config;
  config.scale_min = config.scale_max = 1;
  config.flip = 0;
  config.crop = 96;
  Random random(1);
  const auto result =
      augment(sample, config, {{0.5, 0.5, 0.5}, {1, 1, 1}}, random);
  const cv::Rect inside(0, 0, 96, 64);
  EXPECT_EQ(cv::norm(result.image(inside), sample.image, cv::NORM_INF), 0);
  EXPECT_EQ(cv::norm(result.labels(inside), sample.labels, cv::NORM_INF), 0);
  // Rows below the image are padding, with the mean colour and void labels.
  EXPECT_EQ(result.labels.at<uint8_t>(64, 0), kVoid);
  EXPECT_NEAR(result.image.at<cv::Vec3b>(95, 95)[0], 127.5, 0.5);
}

TEST(Augment, MovesImageAndLabelsTogether) {
  // Each label equals the red value of its pixel.
  RawSample sample{cv::Mat(50, 70, CV_8UC3), cv::Mat(50, 70, CV_8UC1), "s"};
  for (int y = 0; y < 50; ++y) {
    for (int x = 0; x < 70; ++x) {
      const auto value = static_cast<uint8_t>((x / 10) * 20 + (y / 10) * 3);
      sample.image.at<cv::Vec3b>(y, x) = {0, 0, value};
      sample.labels.at<uint8_t>(y, x) = value;
    }
  }
  AugmentConfig config;
  config.crop = 40;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    const auto result = augment(sample, config, {{0, 0, 0}, {1, 1, 1}}, random);
    int64_t agree = 0;
    int64_t counted = 0;
    for (int y = 0; y < 40; ++y) {
      for (int x = 0; x < 40; ++x) {
        const int label = result.labels.at<uint8_t>(y, x);
        if (label == kVoid) continue;
        ++counted;
        const int red = result.image.at<cv::Vec3b>(y, x)[2];
        agree += std::abs(red - label) <= 1 ? 1 : 0;
      }
    }
    // The remaining pixels are at borders, where bilinear resizing blends the
    // image.
    EXPECT_GT(agree, counted * 3 / 5) << seed;
  }
}

TEST(Augment, LabelsStayCentredOnTheirPixels) {
  // A single bright pixel column has its own class. After scaling by 3, the
  // centre of its labels must be the centre of its brightness.
  RawSample sample{
      cv::Mat::zeros(9, 9, CV_8UC3), cv::Mat::zeros(9, 9, CV_8UC1), "s"};
  sample.image.col(4).setTo(cv::Scalar(255, 255, 255));
  sample.labels.col(4).setTo(1);
  AugmentConfig config;
  config.scale_min = config.scale_max = 3;
  config.flip = 0;
  config.crop = 27;
  Random random(1);
  const auto result = augment(sample, config, {{0, 0, 0}, {1, 1, 1}}, random);
  for (int x = 0; x < 27; ++x) {
    EXPECT_EQ(result.labels.at<uint8_t>(13, x), x >= 12 && x <= 14) << x;
    EXPECT_EQ(
        result.image.at<cv::Vec3b>(13, x),
        result.image.at<cv::Vec3b>(13, 26 - x)
    ) << x;
  }
}

TEST(Augment, DrawsCropsUntilNoClassHasMoreThanItsShare) {
  // The left half is class 0 and the right half class 1, so few crops contain
  // enough of both.
  RawSample sample;
  sample.image = cv::Mat(40, 200, CV_8UC3, cv::Scalar(1, 2, 3));
  sample.labels = cv::Mat(40, 200, CV_8UC1, cv::Scalar(0));
  sample.labels.colRange(100, 200).setTo(1);
  AugmentConfig config;
  config.scale_min = 1;
  config.scale_max = 1;
  config.crop = 40;
  config.crop_max_share = 0.7;
  const auto balanced = [&](int64_t tries) {
    config.crop_tries = tries;
    int64_t count = 0;
    for (uint64_t seed = 0; seed < 50; ++seed) {
      Random random(seed);
      const auto crop =
          augment(sample, config, {{0.5, 0.5, 0.5}, {1, 1, 1}}, random);
      const double share = cv::countNonZero(crop.labels) / (40.0 * 40);
      count += share >= 0.3 && share <= 0.7 ? 1 : 0;
    }
    return count;
  };
  // A random crop is balanced with a probability of 0.1.
  EXPECT_LT(balanced(1), 15);
  EXPECT_EQ(balanced(1000), 50);
}

TEST(Augment, NamesTheKeyThatBreaksARule) {
  AugmentConfig config;
  config.scale_max = 0.1;
  EXPECT_THAT(
      message_of<ConfigError>([&] { config.validate(); }),
      HasSubstr("augment.scale_max is 0.1; must be >= augment.scale_min")
  );
  config = {};
  config.flip = 1.5;
  EXPECT_THAT(
      message_of<ConfigError>([&] { config.validate(); }),
      HasSubstr("augment.flip is 1.5")
  );
}

}  // namespace
}  // namespace deeplab::data
