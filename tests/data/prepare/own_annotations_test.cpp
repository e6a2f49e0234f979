// SPDX-License-Identifier: Apache-2.0
// Prepares annotations of one's own, in the forms that programs for annotation
// write.
#include <filesystem>

#include <fmt/core.h>
#include <opencv2/core.hpp>

#include "data/files/image_file.h"
#include "data/kinds.h"
#include "data/prepare/prepare.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/core/sample.h"
#include "support/support.h"

namespace deeplab::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::write_text;

/// A photo of 6x4 pixels of one grey level, by which it can be recognized.
std::string photo(int grey) {
  return encode_image(cv::Mat(4, 6, CV_8UC3, cv::Scalar::all(grey)), ".png");
}

/// The corners of columns `from` to `to` of such a photo.
std::string columns(int from, int to) {
  return fmt::format("[[{0}, 0, {1}, 0, {1}, 4, {0}, 4]]", from, to);
}

std::string annotation(
    const std::string& image, int category, const std::string& segmentation
) {
  return fmt::format(
      R"({{"image_id": {}, "category_id": {}, "segmentation": {}}})", image,
      category, segmentation
  );
}

/// A file in COCO's format with the categories 1 crack and 2 spalling.
std::string coco(
    const std::vector<std::string>& photos,
    const std::vector<std::string>& annotations
) {
  Json json;
  json["categories"] = Json::array(
      {{{"id", 1}, {"name", "crack"}}, {{"id", 2}, {"name", "spalling"}}}
  );
  for (size_t i = 0; i < photos.size(); ++i) {
    json["images"].push_back(
        {{"id", i}, {"file_name", photos[i]}, {"width", 6}, {"height", 4}}
    );
  }
  json["annotations"] = Json::array();
  for (const auto& text : annotations) {
    json["annotations"].push_back(Json::parse(text));
  }
  return json.dump();
}

class OwnAnnotations : public ::testing::Test {
 protected:
  OwnAnnotations() {
    job_.sources = {folder_ / "own"};
    job_.out = folder_ / "out";
    job_.say = [this](const std::string& line) { said_ += line + "\n"; };
  }

  std::string own(const std::string& name) const {
    return folder_ / ("own/" + name);
  }
  void run(const std::string& set) {
    std::filesystem::remove_all(job_.out);
    std::filesystem::create_directories(job_.out);
    for (const auto& known : preparations()) {
      if (set == known.name) config_.kind = known.run(job_);
    }
    config_.root = job_.out;
  }
  std::string refusal(const std::string& set) {
    return message_of<DataError>([&] { run(set); });
  }
  std::shared_ptr<const Dataset> open(Role role) const {
    return make_dataset(config_, role);
  }
  /// Returns the first row of labels of a training image, and checks that the
  /// photo is the one of this grey level.
  std::vector<int> row(const std::string& id, int grey) const {
    for (const auto role : {Role::kTrain, Role::kValidation}) {
      const auto dataset = open(role);
      for (int64_t i = 0; i < dataset->size(); ++i) {
        if (dataset->id(i) != id) continue;
        const auto sample = dataset->load(i);
        EXPECT_EQ(sample.image.at<cv::Vec3b>(0, 0)[0], grey) << id;
        const auto* labels = sample.labels.ptr<uint8_t>(0);
        return {labels, labels + sample.labels.cols};
      }
    }
    ADD_FAILURE() << "no image " << id;
    return {};
  }
  /// Writes two photos of the same name in two folders, and annotations that
  /// name them.
  void write_two_folders() {
    write_text(own("a/0000.png"), photo(10));
    write_text(own("b/0000.png"), photo(20));
    write_text(
        own("annotations.json"),
        coco(
            {"a/0000.png", "b/0000.png"}, {annotation("0", 1, columns(0, 3)),
                                           annotation("1", 2, columns(2, 6))}
        )
    );
  }

  testing::TemporaryFolder folder_;
  PrepareJob job_;
  DataConfig config_;
  std::string said_;
};

TEST_F(OwnAnnotations, CocosCategoriesBecomeClassesByName) {
  write_two_folders();
  run("coco");
  EXPECT_THAT(
      open(Role::kTrain)->classes().names,
      ElementsAre("background", "crack", "spalling")
  );
  // The folders are kept, so that neither photo replaces the other.
  EXPECT_THAT(row("a/0000", 10), ElementsAre(1, 1, 1, 0, 0, 0));
  EXPECT_THAT(row("b/0000", 20), ElementsAre(0, 0, 2, 2, 2, 2));
  EXPECT_EQ(open(Role::kTrain)->size(), 1);
  EXPECT_EQ(open(Role::kValidation)->size(), 1);
  EXPECT_THAT(said_, HasSubstr("1 of 2 were chosen at random"));
}

TEST_F(OwnAnnotations, ClassesMayBeChosenAndOrdered) {
  write_two_folders();
  job_.classes = {"spalling", "background"};
  run("coco");
  EXPECT_THAT(
      open(Role::kTrain)->classes().names, ElementsAre("spalling", "background")
  );
  EXPECT_THAT(row("a/0000", 10), ElementsAre(1, 1, 1, 1, 1, 1));
  EXPECT_THAT(row("b/0000", 20), ElementsAre(1, 1, 0, 0, 0, 0));
  job_.classes = {"crak"};
  EXPECT_THAT(refusal("coco"), HasSubstr("crak"));
  EXPECT_THAT(refusal("coco"), HasSubstr("did you mean crack?"));
}

TEST_F(OwnAnnotations, APhotoThatMayBeTwoIsRefusedByName) {
  write_text(own("a/0000.png"), photo(10));
  write_text(own("b/0000.png"), photo(20));
  write_text(own("x.json"), coco({"0000.png"}, {}));
  EXPECT_THAT(
      refusal("coco"),
      HasSubstr("x.json: the photo 0000.png may be a/0000.png or b/0000.png")
  );
  write_text(own("x.json"), coco({"1111.png"}, {}));
  EXPECT_THAT(
      refusal("coco"),
      HasSubstr("x.json: the sources do not contain the photo 1111.png")
  );
}

TEST_F(OwnAnnotations, BoxesAreNoRegions) {
  write_text(own("a.png"), photo(10));
  write_text(
      own("x.json"), coco({"a.png", "a.png"}, {annotation("0", 1, "[]")})
  );
  EXPECT_THAT(
      refusal("coco"),
      HasSubstr("x.json: image 0: an annotation of category 1 has no "
                "segmentation, only a box")
  );
  write_text(own("x.json"), coco({"a.png"}, {annotation("0", 3, "[]")}));
  EXPECT_THAT(
      refusal("coco"), HasSubstr("category 3 is not in the list of categories")
  );
}

TEST_F(OwnAnnotations, EachSplitHasItsOwnPhotosBesideItsFile) {
  const std::string file = "/_annotations.coco.json";
  for (const auto* split : {"train", "valid", "test"}) {
    const int grey = 10 * split[0] - 1000;
    write_text(own(std::string(split) + "/0000.png"), photo(grey));
    write_text(
        own(split + file),
        coco(
            {"0000.png"},
            {annotation("0", split[0] == 'v' ? 2 : 1, columns(0, 6))}
        )
    );
  }
  run("coco");
  EXPECT_THAT(
      row("train/0000", 10 * 't' - 1000), ElementsAre(1, 1, 1, 1, 1, 1)
  );
  EXPECT_THAT(row("val/0000", 10 * 'v' - 1000), ElementsAre(2, 2, 2, 2, 2, 2));
  config_.val_split = "test";
  EXPECT_EQ(open(Role::kValidation)->size(), 1);
  job_.val_share = 0.5;
  EXPECT_THAT(refusal("coco"), HasSubstr("remove --val-share"));
}

TEST_F(OwnAnnotations, OnePhotoMayBeInTwoSplits) {
  write_text(own("images/a.png"), photo(10));
  write_text(own("b/a.png"), photo(30));
  write_text(own("train.json"), coco({"images/a.png", "b/a.png"}, {}));
  write_text(
      own("val.json"),
      coco({"images/a.png"}, {annotation("0", 1, columns(0, 6))})
  );
  // The masks differ, so that one ID cannot stand for both.
  EXPECT_THAT(
      refusal("coco"), HasSubstr("SegmentationClass/images/a.png: two files")
  );
  write_text(own("val.json"), coco({"images/a.png"}, {}));
  run("coco");
  EXPECT_EQ(open(Role::kTrain)->size(), 2);
  EXPECT_EQ(open(Role::kValidation)->id(0), "images/a");
  // A name that all have names no split.
  std::filesystem::remove(own("train.json"));
  std::filesystem::rename(own("val.json"), own("test.json"));
  write_text(own("test.json"), coco({"images/a.png", "b/a.png"}, {}));
  run("coco");
  EXPECT_EQ(open(Role::kValidation)->size(), 1);
}

TEST_F(OwnAnnotations, ARandomSplitDependsOnlyOnTheSeed) {
  std::vector<std::string> photos;
  for (int i = 0; i < 10; ++i) {
    photos.push_back(fmt::format("{}.png", i));
    write_text(own(photos.back()), photo(i));
  }
  write_text(own("x.json"), coco(photos, {}));
  const auto validation = [&](uint64_t seed) {
    job_.val_share = 0.3;
    job_.seed = seed;
    run("coco");
    return testing::read_text(job_.out + "/ImageSets/Segmentation/val.txt");
  };
  const auto first = validation(1);
  EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 3);
  EXPECT_EQ(validation(1), first);
  EXPECT_NE(validation(2), first);
}

TEST_F(OwnAnnotations, LabelmesShapesCoverEarlierOnes) {
  const auto json = [](const std::string& shapes) {
    return R"({"version": "5.0", "imagePath": "a.png", "imageData": null,
        "imageWidth": 6, "imageHeight": 4, "shapes": [)" +
           shapes + "]}";
  };
  const std::string field = R"({"label": "field", "shape_type": "polygon",
      "points": [[0, 0], [4, 0], [4, 4], [0, 4]]})";
  const std::string house = R"({"label": "house", "shape_type": "rectangle",
      "points": [[5, 4], [3, 0]]})";
  write_text(own("a.png"), photo(1));
  write_text(own("a.json"), json(field + ", " + house));
  write_text(own("sub/a.png"), photo(2));
  write_text(own("sub/a.json"), json(house));
  run("labelme");
  EXPECT_THAT(
      open(Role::kTrain)->classes().names,
      ElementsAre("background", "field", "house")
  );
  EXPECT_THAT(row("a", 1), ElementsAre(1, 1, 1, 2, 2, 0));
  EXPECT_THAT(row("sub/a", 2), ElementsAre(0, 0, 0, 2, 2, 0));
  write_text(
      own("a.json"),
      json(
          R"({"label": "wire", "shape_type": "line", "points": [[0, 0], [1, 1]]})"
      )
  );
  EXPECT_THAT(
      refusal("labelme"), HasSubstr("a.json: a line of \"wire\" has no area")
  );
}

/// Writes a mask of one row of colors, repeated.
std::string color_mask(const std::vector<cv::Vec3b>& rgb) {
  cv::Mat mask(4, static_cast<int>(rgb.size()), CV_8UC3);
  for (int y = 0; y < mask.rows; ++y) {
    for (int x = 0; x < mask.cols; ++x) {
      const auto& color = rgb[static_cast<size_t>(x)];
      mask.at<cv::Vec3b>(y, x) = {color[2], color[1], color[0]};
    }
  }
  return encode_image(mask, ".png");
}

TEST_F(OwnAnnotations, MasksOfCvatAndSuperviselyAreReadByColor) {
  const cv::Vec3b none{0, 0, 0};
  const cv::Vec3b road{128, 64, 128};
  const cv::Vec3b ignored{224, 224, 192};
  const auto mask = color_mask({none, road, road, ignored, none, none});
  write_text(own("JPEGImages/day 1/a.PNG"), photo(5));
  write_text(own("SegmentationClass/day 1/a.png"), mask);
  write_text(own("JPEGImages/b.png"), photo(6));
  write_text(own("SegmentationClass/b.png"), mask);
  write_text(own("SegmentationObject/b.png"), color_mask({road}));
  write_text(own("ImageSets/Segmentation/default.txt"), "day 1/a\nb\n");
  const auto check = [&] {
    run("masks");
    EXPECT_THAT(
        open(Role::kTrain)->classes().names,
        ElementsAre("background", "wet road")
    );
    EXPECT_THAT(row("day 1/a", 5), ElementsAre(0, 1, 1, kVoid, 0, 0));
    EXPECT_THAT(row("b", 6), ElementsAre(0, 1, 1, kVoid, 0, 0));
  };
  write_text(
      own("labelmap.txt"),
      "# label:color_rgb:parts:actions\nbackground:0,0,0::\n"
      "wet road:128,64,128::\nneutral:224,224,192::\n"
  );
  check();
  std::filesystem::remove(own("labelmap.txt"));
  EXPECT_THAT(
      refusal("masks"),
      HasSubstr("do not contain labelmap.txt, colors.txt or class_names.txt")
  );
  write_text(
      own("colors.txt"),
      "neutral 224 224 192\nbackground 0 0 0\nwet road 128 64 128\n"
  );
  check();
}

TEST_F(OwnAnnotations, MasksOfLabelmeAreReadByIndex) {
  cv::Mat indices(4, 6, CV_8UC1, cv::Scalar(0));
  indices.col(2).setTo(2);
  indices.col(3).setTo(kVoid);
  for (const std::string id : {"a", "b"}) {
    write_text(own("JPEGImages/" + id + ".png"), photo(7));
    write_text(
        own("SegmentationClassPNG/" + id + ".png"), encode_mask(indices, {})
    );
  }
  write_text(own("class_names.txt"), "_background_\ncat\ndog\n");
  run("masks");
  EXPECT_THAT(row("a", 7), ElementsAre(0, 0, 2, kVoid, 0, 0));
}

TEST_F(OwnAnnotations, NothingThatIsWrittenReplacesWhatWasWritten) {
  const auto mask = encode_image(cv::Mat::zeros(4, 6, CV_8UC1), ".png");
  write_text(own("one/0000.png"), photo(1));
  write_text(own("two/0000.png"), photo(2));
  write_text(own("0000_L.png"), mask);
  EXPECT_THAT(
      refusal("camvid"),
      HasSubstr("701_StillsRaw_full/0000.png: two files of the sources, which "
                "differ, would become this file")
  );
  // The same file twice is no problem, nor is what operating systems add.
  write_text(own("two/0000.png"), photo(1));
  write_text(own("__MACOSX/._0000.png"), "no image");
  write_text(own(".DS_Store"), "");
  run("camvid");
  EXPECT_FALSE(
      std::filesystem::exists(job_.out + "/701_StillsRaw_full/._0000.png")
  );
}

}  // namespace
}  // namespace deeplab::data
