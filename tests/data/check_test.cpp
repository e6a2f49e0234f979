// SPDX-License-Identifier: Apache-2.0
#include "data/check.h"

#include <cmath>

#include <fmt/core.h>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "data/files/image_file.h"
#include "deeplab/core/error.h"
#include "deeplab/core/random.h"
#include "support/support.h"

namespace deeplab::data {
namespace {

/// A data set of pairs that a test gives.
class Listed : public Dataset {
 public:
  explicit Listed(std::vector<RawSample> samples)
      : samples_(std::move(samples)) {}
  int64_t size() const override {
    return static_cast<int64_t>(samples_.size());
  }
  std::string id(int64_t index) const override { return load(index).name; }
  RawSample load(int64_t index) const override {
    return samples_.at(static_cast<size_t>(index));
  }
  const Classes& classes() const override { return classes_; }

 private:
  std::vector<RawSample> samples_;
  Classes classes_ = make_classes({"x", "y", "z", "never"}, {});
};

cv::Mat noise(uint64_t seed, const cv::Size& size) {
  cv::Mat image(size, CV_8UC3);
  cv::RNG random(seed);
  random.fill(image, cv::RNG::UNIFORM, 0, 256);
  cv::GaussianBlur(image, image, cv::Size(0, 0), 5);
  return image;
}

RawSample sample(const cv::Mat& image, const std::string& name) {
  return {image, cv::Mat::zeros(image.size(), CV_8UC1), name};
}

TEST(Check, WeighsClassesAsThePapersDo) {
  // x has 6 of 10 pixels in one image and 2 of 4 in the other, y has 4 of 10, z
  // has 2 of 4.
  RawSample one{
      cv::Mat::zeros(2, 5, CV_8UC3), cv::Mat::zeros(2, 5, CV_8UC1), "one"};
  one.labels.at<uint8_t>(0, 0) = one.labels.at<uint8_t>(0, 1) = 1;
  one.labels.at<uint8_t>(1, 0) = one.labels.at<uint8_t>(1, 1) = 1;
  RawSample two{
      cv::Mat::zeros(2, 3, CV_8UC3), cv::Mat::zeros(2, 3, CV_8UC1), "two"};
  two.labels.at<uint8_t>(0, 0) = two.labels.at<uint8_t>(0, 1) = 2;
  two.labels.at<uint8_t>(1, 0) = two.labels.at<uint8_t>(1, 1) = 255;
  const auto report = check_dataset(Listed({one, two}), 0, {});
  EXPECT_EQ(report.class_pixels, (std::vector<int64_t>{8, 4, 2, 0}));
  EXPECT_EQ(report.pixels_around_class, (std::vector<int64_t>{14, 10, 4, 0}));
  // The frequencies are 8/14, 4/10 and 2/4, and their median is 2/4.
  const auto median = median_frequency_weights(report);
  EXPECT_DOUBLE_EQ(median[0], 0.5 * 14 / 8);
  EXPECT_DOUBLE_EQ(median[1], 0.5 * 10 / 4);
  EXPECT_DOUBLE_EQ(median[2], 1);
  EXPECT_DOUBLE_EQ(median[3], 1);
  const auto inverse = inverse_log_weights(report);
  EXPECT_DOUBLE_EQ(inverse[1], 1 / std::log(1.02 + 4.0 / 14));
  EXPECT_DOUBLE_EQ(inverse[3], 1);
}

TEST(Check, MeasuresColorsOverAllPixels) {
  const auto plain = [](int value, const cv::Size& size) {
    return sample(cv::Mat(size, CV_8UC3, cv::Scalar(0, value, 255)), "plain");
  };
  // Three quarters of the pixels have the value 51, a quarter has 255.
  const auto report =
      check_dataset(Listed({plain(51, {3, 2}), plain(255, {1, 2})}), 0, {});
  EXPECT_NEAR(report.mean[0], 1, 1e-9);
  EXPECT_NEAR(report.mean[1], 0.75 * 0.2 + 0.25, 1e-9);
  EXPECT_NEAR(report.mean[2], 0, 1e-9);
  EXPECT_NEAR(report.deviation[1], 0.8 * std::sqrt(3.0) / 4, 1e-9);
  EXPECT_NEAR(report.deviation[0], 0, 1e-7);
  EXPECT_EQ(report.facts[0].width, 3);
  EXPECT_EQ(report.facts[0].height, 2);
}

/// A data set in which every third pair is damaged.
class PartlyBroken : public Listed {
 public:
  using Listed::Listed;
  std::string id(int64_t index) const override {
    return fmt::format("id{}", index);
  }
  RawSample load(int64_t index) const override {
    if (index % 3 == 1)
      throw DataError(fmt::format("pair {} is broken", index));
    return Listed::load(index);
  }
};

TEST(Check, ReportsTheSameWithAnyNumberOfWorkers) {
  std::vector<RawSample> samples;
  for (int i = 0; i < 20; ++i) {
    samples.push_back(
        sample(noise(static_cast<uint64_t>(i), cv::Size(40 + i, 30)), "")
    );
    samples.back().labels(cv::Rect(0, 0, i, 20)) = i % 2 == 0 ? 1 : 255;
  }
  const PartlyBroken dataset(samples);
  const auto alone = check_dataset(dataset, 0, {});
  EXPECT_EQ(alone.facts.size(), 13U);
  EXPECT_EQ(alone.problems.front(), "pair 1 is broken");
  for (const int64_t workers : {1, 3, 40}) {
    std::vector<int64_t> told;
    const auto report = check_dataset(dataset, workers, [&](int64_t done) {
      told.push_back(done);
    });
    EXPECT_EQ(report.problems, alone.problems);
    EXPECT_EQ(report.class_pixels, alone.class_pixels);
    EXPECT_EQ(report.pixels_around_class, alone.pixels_around_class);
    EXPECT_EQ(report.void_pixels, alone.void_pixels);
    EXPECT_EQ(report.mean, alone.mean);
    EXPECT_EQ(report.deviation, alone.deviation);
    ASSERT_EQ(report.facts.size(), alone.facts.size());
    for (size_t i = 0; i < alone.facts.size(); ++i) {
      EXPECT_EQ(report.facts[i].id, alone.facts[i].id);
      EXPECT_EQ(report.facts[i].thumbnail, alone.facts[i].thumbnail);
      EXPECT_EQ(report.facts[i].classes, alone.facts[i].classes);
    }
    EXPECT_EQ(told.size(), 20U);
    EXPECT_EQ(told.back(), 20);
  }
}

TEST(Check, FindsCopiesThoughScaledOrEncodedAnew) {
  const cv::Size size(120, 90);
  const auto photo = noise(1, size);
  cv::Mat smaller;
  cv::resize(photo, smaller, cv::Size(80, 60), 0, 0, cv::INTER_AREA);
  const auto encoded = decode_image(encode_image(photo, ".jpg"), "photo");
  const cv::Mat flat(size, CV_8UC3, cv::Scalar(9, 9, 9));
  const auto train = check_dataset(
      Listed(
          {sample(photo, "photo"), sample(noise(2, size), "other"),
           sample(flat, "flat")}
      ),
      0, {}
  );
  const auto val = check_dataset(
      Listed(
          {sample(smaller, "smaller"), sample(noise(3, size), "third"),
           sample(encoded, "encoded"), sample(flat, "flat too")}
      ),
      0, {}
  );
  const auto found = near_duplicates(train, val);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].one, "photo");
  EXPECT_EQ(found[0].other, "smaller");
  EXPECT_EQ(found[1].other, "encoded");
}

}  // namespace
}  // namespace deeplab::data
