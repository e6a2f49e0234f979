// SPDX-License-Identifier: Apache-2.0
// Tests every kind of data set on a small folder with its real layout.
#include "data/sets/layouts.h"

#include <algorithm>
#include <filesystem>

#include <fmt/core.h>
#include <opencv2/core.hpp>

#include "data/check.h"
#include "data/dataset/legend.h"
#include "data/files/image_file.h"
#include "data/kinds.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

using testing::config_of;
using ::testing::HasSubstr;
using testing::Layout;
using testing::layouts;
using testing::message_of;
using testing::read_text;
using ::testing::StartsWith;
using testing::write_layout;
using testing::write_text;

constexpr int kSide = 16;

/// Returns a PNG with these pixels: a photo, or a mask of colors.
std::string color_png(const cv::Mat& pixels) {
  return encode_image(pixels, ".png");
}

/// Returns a grey PNG, which is a mask of indices.
std::string grey_png(const cv::Mat& values) {
  return encode_image(values, ".png");
}

/// Returns all values of a byte, 16 per row.
cv::Mat all_values() {
  cv::Mat values(kSide, kSide, CV_8UC1);
  for (int i = 0; i < kSide * kSide; ++i) {
    values.at<uint8_t>(i / kSide, i % kSide) = static_cast<uint8_t>(i);
  }
  return values;
}

class EveryLayout : public ::testing::TestWithParam<Layout> {
 protected:
  void write(const std::string& image, const std::string& mask) const {
    write_layout(GetParam(), folder_.path(), image, mask);
  }
  std::shared_ptr<const Dataset> open(Role role) const {
    return make_dataset(config_of(GetParam(), folder_.path()), role);
  }
  std::string refusal() const {
    return message_of<DataError>([this] { open(Role::kTrain)->load(0); });
  }

  testing::TemporaryFolder folder_;
  const cv::Mat photo_{kSide, kSide, CV_8UC3, cv::Scalar(10, 20, 30)};
};

TEST_P(EveryLayout, GivesEachValueItsClass) {
  const auto& class_of = GetParam().class_of;
  auto values = all_values();
  for (auto& value : cv::Mat_<uint8_t>(values)) {
    if (class_of(value) < 0) value = 0;
  }
  write(color_png(photo_), grey_png(values));
  for (const auto role : {Role::kTrain, Role::kValidation}) {
    const auto dataset = open(role);
    ASSERT_EQ(dataset->size(), 1);
    const auto sample = dataset->load(0);
    EXPECT_EQ(cv::norm(sample.image, photo_, cv::NORM_INF), 0);
    for (int i = 0; i < kSide * kSide; ++i) {
      const int row = i / kSide;
      const int column = i % kSide;
      const int expected = class_of(values.at<uint8_t>(row, column));
      ASSERT_EQ(sample.labels.at<uint8_t>(row, column), expected) << i;
    }
  }
}

TEST_P(EveryLayout, NamesTheFirstValueThatMeansNothing) {
  int first = 0;
  while (GetParam().class_of(first) >= 0) ++first;
  write(color_png(photo_), grey_png(all_values()));
  const auto message = refusal();
  EXPECT_THAT(message, StartsWith(folder_ / GetParam().mask));
  EXPECT_THAT(
      message, HasSubstr(fmt::format(
                   ": label {} at row {}, column {}; expected ", first,
                   first / kSide, first % kSide
               ))
  );
}

TEST_P(EveryLayout, NamesAMissingOrDamagedFile) {
  const auto photo = color_png(photo_);
  const auto mask = grey_png(cv::Mat(photo_.size(), CV_8UC1, cv::Scalar(1)));
  write(photo, mask);
  const auto& layout = GetParam();
  for (const auto& file : {layout.mask, layout.image}) {
    const auto path = folder_ / file;
    const auto sound = read_text(path);
    write_text(path, sound.substr(0, sound.size() / 2));
    EXPECT_THAT(refusal(), StartsWith(path + ": "));
    write_text(path, sound);
  }
  std::filesystem::remove(folder_ / layout.mask);
  EXPECT_THAT(refusal(), HasSubstr(": cannot open"));
}

TEST_P(EveryLayout, NamesAMaskOfAnotherSize) {
  const cv::Size other(8, 4);
  write(color_png(photo_), grey_png(cv::Mat(other, CV_8UC1, cv::Scalar(1))));
  EXPECT_THAT(refusal(), HasSubstr(": is 8x4, but its image is 16x16"));
}

TEST_P(EveryLayout, IsKnownByItsFolder) {
  write(color_png(photo_), grey_png(all_values()));
  EXPECT_EQ(kind_of(folder_.path(), GetParam().kind), GetParam().kind);
}

/// Each image of bad_images, used as a mask, must either give the right labels
/// or be rejected with an error that names it.
TEST_P(EveryLayout, TakesNoWrongLabelFromABadImage) {
  SKIP_WITHOUT_SHARED("bad_images", "PngSuite and EXIF examples");
  size_t passed = 0;
  size_t refused = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           testing::shared_data("bad_images")
       )) {
    if (entry.path().extension() != ".png") continue;
    const auto bytes = read_text(entry.path().string());
    cv::Mat photo;
    try {
      photo = decode_image(bytes, "photo");
    } catch (const DataError&) {
      photo = photo_;
    }
    // The photo is undamaged, so that only the mask can cause an error.
    write(color_png(photo), bytes);
    try {
      const auto labels = open(Role::kTrain)->load(0).labels;
      const auto size = open(Role::kTrain)->classes().size();
      const auto values =
          decode_mask(bytes, "mask", MaskForm::kIndicesOrColors);
      for (int y = 0; y < labels.rows; ++y) {
        for (int x = 0; x < labels.cols; ++x) {
          const int label = labels.at<uint8_t>(y, x);
          ASSERT_TRUE(label < size || label == kVoid) << entry.path();
          if (values.channels() != 1) continue;
          ASSERT_EQ(label, GetParam().class_of(values.at<uint8_t>(y, x)))
              << entry.path();
        }
      }
      ++passed;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), StartsWith(folder_.path()));
      ++refused;
    }
    write(bytes, grey_png(cv::Mat::zeros(photo.size(), CV_8UC1)));
    try {
      const auto sample = open(Role::kTrain)->load(0);
      EXPECT_EQ(cv::norm(sample.image, photo, cv::NORM_INF), 0);
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), StartsWith(folder_.path()));
    }
  }
  EXPECT_GT(refused, 20U);
  EXPECT_GT(passed, 5U);
}

std::string name_of(const ::testing::TestParamInfo<Layout>& info) {
  return info.param.kind + std::to_string(info.index);
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, EveryLayout, ::testing::ValuesIn(layouts()), name_of
);

const Layout& layout_of(const std::string& kind, size_t which) {
  for (const auto& layout : layouts()) {
    if (layout.kind == kind && which-- == 0) return layout;
  }
  throw std::out_of_range(kind);
}

/// A small data set of one kind that a test may damage.
class OneLayout : public ::testing::Test {
 protected:
  void write(const std::string& kind, size_t which, const cv::Mat& mask) {
    layout_ = layout_of(kind, which);
    const cv::Mat photo(mask.size(), CV_8UC3, cv::Scalar(1, 2, 3));
    write_layout(
        layout_, folder_.path(), encode_image(photo, ".png"),
        encode_image(mask, ".png")
    );
    config_ = config_of(layout_, folder_.path());
  }
  RawSample load() const {
    return make_dataset(config_, Role::kTrain)->load(0);
  }
  std::string refusal() const {
    return message_of<DataError>([this] { load(); });
  }

  testing::TemporaryFolder folder_;
  Layout layout_;
  DataConfig config_;
};

TEST_F(OneLayout, CamVidsColorsAreExact) {
  cv::Mat mask(2, 3, CV_8UC3, cv::Scalar(0, 0, 0));
  mask.at<cv::Vec3b>(0, 1) = {128, 128, 128};  // Sky
  mask.at<cv::Vec3b>(0, 2) = {192, 128, 64};   // SUVPickupTruck, as BGR
  mask.at<cv::Vec3b>(1, 0) = {0, 64, 64};      // Pedestrian, as BGR
  write("camvid", 1, mask);
  const auto labels = load().labels;
  EXPECT_EQ(labels.at<uint8_t>(0, 0), kVoid);
  EXPECT_EQ(labels.at<uint8_t>(0, 1), 0);
  EXPECT_EQ(labels.at<uint8_t>(0, 2), 8);
  EXPECT_EQ(labels.at<uint8_t>(1, 0), 9);
  mask.at<cv::Vec3b>(1, 2) = {128, 128, 129};
  write("camvid", 1, mask);
  EXPECT_THAT(
      refusal(),
      HasSubstr(
          "a_L.png: color (129, 128, 128) at row 1, column 2 does not belong to a class"
      )
  );
}

TEST_F(OneLayout, CamVidsOriginalNeedsASplit) {
  write("camvid", 1, cv::Mat(2, 2, CV_8UC3, cv::Scalar(0, 0, 0)));
  std::filesystem::remove(folder_ / "train.txt");
  EXPECT_THAT(
      refusal(),
      HasSubstr("train.txt: no such file; the original data set has no splits")
  );
}

TEST_F(OneLayout, CamVidsListNeedsBothPaths) {
  write("camvid", 0, cv::Mat::zeros(2, 2, CV_8UC1));
  write_text(folder_ / "train.txt", "/train/a.png\n");
  EXPECT_THAT(refusal(), HasSubstr("train.txt: line 1 is \"/train/a.png\""));
}

TEST_F(OneLayout, CityscapesTakesTrainIdsWhereThereAreNoLabelIds) {
  cv::Mat mask(1, 2, CV_8UC1, cv::Scalar(18));
  mask.at<uint8_t>(0, 1) = 255;
  write("cityscapes", 0, mask);
  std::filesystem::rename(
      folder_ / layout_.mask,
      folder_ / "gtFine/train/bonn/bonn_0_0_gtFine_labelTrainIds.png"
  );
  const auto labels = load().labels;
  EXPECT_EQ(labels.at<uint8_t>(0, 0), 18);
  EXPECT_EQ(labels.at<uint8_t>(0, 1), kVoid);
}

TEST_F(OneLayout, AFoldersMasksMayBeOfDeclaredColors) {
  cv::Mat mask(1, 3, CV_8UC3, cv::Scalar(0, 0, 255));
  mask.at<cv::Vec3b>(0, 1) = {0, 255, 0};
  mask.at<cv::Vec3b>(0, 2) = {0, 0, 0};
  write("folder", 0, mask);
  const auto labels = load().labels;
  EXPECT_EQ(labels.at<uint8_t>(0, 0), 0);
  EXPECT_EQ(labels.at<uint8_t>(0, 1), 1);
  EXPECT_EQ(labels.at<uint8_t>(0, 2), kVoid);
  write_text(folder_ / "classes.json", R"(["x", "y"])");
  EXPECT_THAT(refusal(), HasSubstr("a mask of colours; "));
}

TEST_F(OneLayout, GreyColorsAreValuesOfMasks) {
  const cv::Mat mask = (cv::Mat_<uint8_t>(1, 3) << 0, 128, 255);
  write("folder", 0, mask);
  write_text(
      folder_ / "classes.json",
      R"([{"name": "none", "color": [0, 0, 0]},
          {"name": "half", "color": [128, 128, 128]},
          {"name": "all", "color": [255, 255, 255]}])"
  );
  const auto dataset = make_dataset(config_, Role::kTrain);
  const cv::Mat expected = (cv::Mat_<uint8_t>(1, 3) << 0, 1, 2);
  EXPECT_EQ(cv::norm(dataset->load(0).labels, expected, cv::NORM_INF), 0);
  EXPECT_EQ(dataset->classes().values, (std::vector<int64_t>{0, 128, 255}));
  // Here, 0 is the position of "all", but the color of "none".
  write_text(
      folder_ / "classes.json",
      R"([{"name": "all", "color": [255, 255, 255]},
          {"name": "none", "color": [0, 0, 0]}])"
  );
  EXPECT_THAT(
      refusal(), HasSubstr("label 0 at row 0, column 0; is the position of one "
                           "class and the grey color of another; give each")
  );
  // Where other colors are declared, 255 stays void.
  write_text(
      folder_ / "classes.json",
      R"([{"name": "none", "color": [0, 0, 0]},
          {"name": "white", "color": [255, 255, 255]},
          {"name": "red", "color": [255, 0, 0]}])"
  );
  write("folder", 0, (cv::Mat_<uint8_t>(1, 2) << 1, 255));
  write_text(
      folder_ / "classes.json",
      R"([{"name": "none", "color": [0, 0, 0]},
          {"name": "white", "color": [255, 255, 255]},
          {"name": "red", "color": [255, 0, 0]}])"
  );
  EXPECT_EQ(load().labels.at<uint8_t>(0, 1), kVoid);
}

TEST_F(OneLayout, TheValue255MayBeAClass) {
  write("folder", 0, (cv::Mat_<uint8_t>(1, 2) << 0, 255));
  write_text(
      folder_ / "classes.json", R"(["none", {"name": "all", "index": 255}])"
  );
  EXPECT_EQ(load().labels.at<uint8_t>(0, 1), 1);
  config_.void_values = {255};
  EXPECT_THAT(
      message_of<ConfigError>([&] { load(); }),
      HasSubstr(
          "data.void contains 255, which is the mask value of the class \"all\""
      )
  );
  // The same without a file of classes.
  std::filesystem::remove(folder_ / "classes.json");
  config_.void_values.reset();
  config_.classes = {"none", "all"};
  config_.values = {0, 255};
  EXPECT_EQ(load().labels.at<uint8_t>(0, 1), 1);
  config_.values = {0, 0};
  EXPECT_THAT(
      message_of<ConfigError>([&] { load(); }),
      HasSubstr("data.values[1] is 0, like another one")
  );
}

TEST_F(OneLayout, VoidMayBeOtherValuesOrNone) {
  write("ade20k", 0, (cv::Mat_<uint8_t>(1, 3) << 0, 1, 255));
  EXPECT_THAT(refusal(), HasSubstr("label 255"));
  config_.void_values = {0, 255};
  const cv::Mat expected = (cv::Mat_<uint8_t>(1, 3) << kVoid, 0, kVoid);
  EXPECT_EQ(cv::norm(load().labels, expected, cv::NORM_INF), 0);
  config_.void_values = std::vector<int64_t>{};
  EXPECT_THAT(
      refusal(), HasSubstr("label 0 at row 0, column 0; expected 1..150")
  );
}

TEST_F(OneLayout, VocsListsMayHavePairsOfPaths) {
  write("voc2012", 0, (cv::Mat_<uint8_t>(1, 2) << 3, 20));
  std::filesystem::rename(
      folder_ / "SegmentationClass", folder_ / "SegmentationClassAug"
  );
  const auto id = std::filesystem::path(layout_.image).stem().string();
  write_text(
      folder_ / "ImageSets/Segmentation/train.txt",
      "/" + layout_.image + " /SegmentationClassAug/" + id + ".png\n"
  );
  EXPECT_EQ(load().labels.at<uint8_t>(0, 1), 20);
  EXPECT_EQ(make_dataset(config_, Role::kTrain)->id(0), id);
}

TEST_F(OneLayout, AClassThatIsMissingBesideVoidIsFound) {
  write("folder", 0, (cv::Mat_<uint8_t>(1, 2) << 0, 255));
  write_text(folder_ / "classes.json", R"(["none", "all"])");
  const auto missing = [&] {
    return class_missing_beside_void(*make_dataset(config_, Role::kTrain));
  };
  EXPECT_EQ(missing(), "all");
  write("folder", 0, (cv::Mat_<uint8_t>(1, 2) << 0, 0));
  write_text(folder_ / "classes.json", R"(["none", "all"])");
  EXPECT_EQ(missing(), "");
  write("folder", 0, (cv::Mat_<uint8_t>(1, 3) << 0, 1, 255));
  write_text(folder_ / "classes.json", R"(["none", "all"])");
  EXPECT_EQ(missing(), "");
}

TEST_F(OneLayout, AFolderHoldsPhotosOnly) {
  write("folder", 0, cv::Mat::zeros(2, 2, CV_8UC1));
  write_text(folder_ / "images/train/notes.txt", "");
  EXPECT_THAT(refusal(), HasSubstr("notes.txt: not a photo; known: .jpg"));
}

TEST_F(OneLayout, ClassesThatMasksCouldNotTellApartAreRefused) {
  write("folder", 0, cv::Mat::zeros(2, 2, CV_8UC1));
  const auto refused = [&](const std::string& classes) {
    write_text(folder_ / "classes.json", classes);
    return message_of<ConfigError>([&] { load(); });
  };
  EXPECT_THAT(
      refused(R"(["x", {"name": "y", "index": 0}])"),
      HasSubstr("classes.json: [1] has the same index as [0]")
  );
  EXPECT_THAT(
      refused(R"([{"name": "x", "color": [1, 2, 3]},
                  {"name": "y", "color": [1, 2, 3]}])"),
      HasSubstr("[1] has the same color as [0]")
  );
  EXPECT_THAT(
      refused(R"(["x", {"name": "y", "index": 256}])"),
      HasSubstr("[1].index is 256; must be 0 to 255")
  );
}

TEST_F(OneLayout, AConfigsClassesMustBeThoseOfTheFolder) {
  write("folder", 0, cv::Mat::zeros(2, 2, CV_8UC1));
  config_.classes = {"y", "x"};
  EXPECT_THAT(
      message_of<ConfigError>([&] { load(); }),
      HasSubstr("data.classes differs from the classes in ")
  );
  config_.classes = {"x", "y"};
  EXPECT_EQ(load().labels.at<uint8_t>(0, 0), kVoid);
}

TEST_F(OneLayout, AColorOfTwoClassesIsNones) {
  cv::Mat mask(1, 2, CV_8UC3, cv::Scalar(3, 2, 1));
  write("pascal_voc", 0, mask);
  std::filesystem::remove(folder_ / "classes.json");
  config_.classes = {"x", "y", "z"};
  config_.colors = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  EXPECT_EQ(load().labels.at<uint8_t>(0, 1), 0);
  config_.colors = {{1, 2, 3}, {4, 5, 6}, {1, 2, 3}};
  EXPECT_THAT(refusal(), HasSubstr("color (1, 2, 3) at row 0, column 0"));
}

TEST_F(OneLayout, ASetWithClassesOfItsOwnTakesNoOthers) {
  write("voc2012", 0, cv::Mat::zeros(2, 2, CV_8UC1));
  config_.classes = {"cat", "dog"};
  EXPECT_THAT(
      message_of<ConfigError>([&] { load(); }),
      HasSubstr("data.kind \"voc2012\" has its own classes (21: background")
  );
}

TEST_F(OneLayout, AFolderThatIsNoneIsSaidToBe) {
  EXPECT_THAT(
      message_of<DataError>([&] { kind_of(folder_.path(), ""); }),
      HasSubstr(
          "its layout is not that of a known data set (none of annotations"
      )
  );
}

TEST(SharedFormats, CityscapesIdsGiveTheTrainIdsBesideThem) {
  SKIP_WITHOUT_SHARED("formats/cityscapes", "a photo and masks of Cityscapes");
  DataConfig config;
  config.kind = "cityscapes";
  config.root = testing::shared_data("formats/cityscapes");
  const auto dataset = make_dataset(config, Role::kValidation);
  ASSERT_EQ(dataset->size(), 1);
  const auto expected = read_mask(
      config.root + "/gtFine/val/frankfurt/" + dataset->id(0) +
      "_gtFine_labelTrainIds.png"
  );
  // The two files were scaled separately, which moved some borders.
  const cv::Mat differs = dataset->load(0).labels != expected;
  EXPECT_LT(cv::countNonZero(differs), expected.total() / 200);
}

TEST(SharedFormats, CamVidAsSegNetHasItIsRead) {
  SKIP_WITHOUT_SHARED("formats/camvid_segnet", "photos and masks of CamVid");
  DataConfig config;
  config.root = testing::shared_data("formats/camvid_segnet");
  config.kind = kind_of(config.root, "");
  EXPECT_EQ(config.kind, "camvid");
  config.val_split = "test";
  EXPECT_EQ(make_dataset(config, Role::kTrain)->load(0).image.channels(), 3);
  const auto test = make_dataset(config, Role::kValidation);
  EXPECT_EQ(test->size(), 2);
  EXPECT_EQ(test->id(0), "0001TP_008550");
  test->load(1);
}

}  // namespace
}  // namespace deeplab::data
