// SPDX-License-Identifier: Apache-2.0
// Prepares public data sets from small archives in the form that their owners
// publish.
#include "data/prepare/prepare.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include <fmt/core.h>
#include <matio.h>
#include <opencv2/core.hpp>

#include "data/dataset/dataset.h"
#include "data/files/archive.h"
#include "data/files/image_file.h"
#include "data/files/mat_file.h"
#include "data/kinds.h"
#include "data/prepare/coco_mask.h"
#include "data/sets/layouts.h"
#include "deeplab/core/error.h"
#include "deeplab/core/random.h"
#include "deeplab/core/sample.h"

namespace deeplab::data {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::read_text;
using testing::write_text;

const cv::Size kPhotoSize(7, 5);

std::string photo_bytes() {
  return encode_image(
      cv::Mat(kPhotoSize, CV_8UC3, cv::Scalar(10, 20, 30)), ".jpg"
  );
}

std::string mask_bytes(int label) {
  return encode_image(cv::Mat(kPhotoSize, CV_8UC1, cv::Scalar(label)), ".png");
}

/// Writes a tar file with these files.
void write_tar(
    const std::string& path,
    const std::vector<std::pair<std::string, std::string>>& files
) {
  std::ofstream stream(path, std::ios::binary);
  TarWriter tar(stream);
  for (const auto& [name, bytes] : files) tar.add(name, bytes);
  tar.finish();
}

/// Writes a MATLAB file with a matrix, alone or as the field of a structure.
/// The matrix contains `label` everywhere if it is given, and otherwise row *
/// 10 + column.
template <class Value>
void write_mat(
    const std::string& path,
    const std::string& name,
    const std::string& field,
    matio_classes kind,
    matio_types type,
    std::optional<int> label
) {
  std::vector<Value> columns;
  for (int x = 0; x < kPhotoSize.width; ++x) {
    for (int y = 0; y < kPhotoSize.height; ++y) {
      columns.push_back(static_cast<Value>(label.value_or(y * 10 + x)));
    }
  }
  size_t size[2] = {
      static_cast<size_t>(kPhotoSize.height),
      static_cast<size_t>(kPhotoSize.width)};
  const auto& matrix_name = field.empty() ? name : field;
  auto* variable = Mat_VarCreate(
      matrix_name.c_str(), kind, type, 2, size, columns.data(), 0
  );
  if (!field.empty()) {
    size_t one[2] = {1, 1};
    const char* fields[1] = {field.c_str()};
    auto* outer = Mat_VarCreateStruct(name.c_str(), 2, one, fields, 1);
    Mat_VarSetStructFieldByName(outer, field.c_str(), 0, variable);
    variable = outer;
  }
  auto* file = Mat_CreateVer(path.c_str(), nullptr, MAT_FT_MAT5);
  Mat_VarWrite(file, variable, MAT_COMPRESSION_ZLIB);
  Mat_Close(file);
  Mat_VarFree(variable);
}

class Prepare : public ::testing::Test {
 protected:
  void run(const std::string& name, const std::vector<std::string>& sources) {
    for (const auto& set : preparations()) {
      if (name != set.name) continue;
      PrepareJob job;
      job.sources = sources;
      job.out = out_;
      std::filesystem::create_directories(out_);
      config_.kind = set.run(job);
      config_.root = out_;
      return;
    }
    FAIL() << name;
  }
  std::shared_ptr<const Dataset> open(Role role) const {
    return make_dataset(config_, role);
  }
  std::string mat(int label, bool of_context) const {
    const auto path = folder_ / "made.mat";
    if (of_context) {
      write_mat<uint16_t>(
          path, "LabelMap", "", MAT_C_UINT16, MAT_T_UINT16, label
      );
    } else {
      write_mat<uint8_t>(
          path, "GTcls", "Segmentation", MAT_C_UINT8, MAT_T_UINT8, label
      );
    }
    return read_text(path);
  }

  testing::TemporaryFolder folder_;
  std::string out_ = folder_ / "out";
  DataConfig config_;
};

TEST_F(Prepare, MergesSbdWithVocs) {
  const auto voc = folder_ / "VOCtrainval.tar";
  write_tar(
      voc, {{"VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt", "a\nb\n"},
            {"VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt", "c\n"},
            {"VOCdevkit/VOC2012/JPEGImages/a.jpg", photo_bytes()},
            {"VOCdevkit/VOC2012/JPEGImages/b.jpg", photo_bytes()},
            {"VOCdevkit/VOC2012/JPEGImages/c.jpg", photo_bytes()},
            {"VOCdevkit/VOC2012/JPEGImages/unused.jpg", photo_bytes()},
            {"VOCdevkit/VOC2012/SegmentationClass/a.png", mask_bytes(1)},
            {"VOCdevkit/VOC2012/SegmentationClass/b.png", mask_bytes(2)},
            {"VOCdevkit/VOC2012/SegmentationClass/c.png", mask_bytes(3)}}
  );
  const std::string sbd = "benchmark_RELEASE/dataset/";
  const auto benchmark = folder_ / "benchmark.tar";
  const auto write_sbd = [&](int label) {
    write_tar(
        benchmark, {{sbd + "train.txt", "a\nd\n"},
                    {sbd + "val.txt", "c\ne\n"},
                    {sbd + "img/d.jpg", photo_bytes()},
                    {sbd + "img/e.jpg", photo_bytes()},
                    {sbd + "cls/a.mat", mat(9, false)},
                    {sbd + "cls/c.mat", mat(9, false)},
                    {sbd + "cls/d.mat", mat(label, false)},
                    {sbd + "cls/e.mat", mat(5, false)}}
    );
  };
  write_sbd(4);
  run("sbd", {benchmark, voc});
  config_.train_split = "trainaug";
  const auto train = open(Role::kTrain);
  // trainaug consists of SBD's train and val and VOC's train, without VOC's
  // val.
  ASSERT_EQ(train->size(), 4);
  const std::vector<std::pair<std::string, int>> expected{
      {"a", 1}, {"b", 2}, {"d", 4}, {"e", 5}};
  for (int64_t i = 0; i < 4; ++i) {
    const auto& [id, label] = expected[static_cast<size_t>(i)];
    EXPECT_EQ(train->id(i), id);
    EXPECT_EQ(train->load(i).labels.at<uint8_t>(4, 6), label) << id;
  }
  EXPECT_EQ(open(Role::kValidation)->load(0).labels.at<uint8_t>(0, 0), 3);
  // trainval is VOC's own list.
  config_.train_split = "trainval";
  EXPECT_EQ(open(Role::kTrain)->size(), 3);
  EXPECT_FALSE(std::filesystem::exists(out_ + "/JPEGImages/unused.jpg"));

  out_ = folder_ / "alone";
  EXPECT_THAT(
      message_of<DataError>([&] { run("sbd", {benchmark}); }),
      HasSubstr("the sources do not contain ImageSets/Segmentation/train.txt")
  );
  std::filesystem::resize_file(benchmark, 3000);
  EXPECT_THAT(
      message_of<DataError>([&] {
        run("sbd", {benchmark, voc});
      }),
      HasSubstr("benchmark.tar: ")
  );
}

TEST_F(Prepare, MapsContextsNamesToItsClasses) {
  // The original list has 459 names. Here the 59 classes are mixed with some
  // others.
  DataConfig context;
  context.kind = "pascal_context";
  const auto names = classes_of(context).names;
  std::string labels = "1: accordion\n";
  for (size_t k = 1; k < names.size(); ++k) {
    labels +=
        fmt::format("{}: {}\n{}: other{}\n", 2 * k, names[k], 2 * k + 1, k);
  }
  const auto sources = folder_ / "context";
  write_text(sources + "/labels.txt", labels);
  write_text(sources + "/trainval/a.mat", mat(2 * 59, true));
  write_text(sources + "/trainval/b.mat", mat(1, true));
  const auto voc = folder_ / "VOC2010";
  write_text(voc + "/ImageSets/Main/train.txt", "a\nnot_labelled\n");
  write_text(voc + "/ImageSets/Main/val.txt", "b\n");
  for (const char* id : {"a", "b", "not_labelled"}) {
    write_text(voc + "/JPEGImages/" + id + ".jpg", photo_bytes());
  }
  run("pascal_context", {sources, voc});
  EXPECT_EQ(open(Role::kTrain)->size(), 1);
  EXPECT_EQ(open(Role::kTrain)->load(0).labels.at<uint8_t>(2, 2), 59);
  EXPECT_EQ(open(Role::kValidation)->load(0).labels.at<uint8_t>(2, 2), 0);

  write_text(sources + "/labels.txt", "1: accordion\n2: aeroplane\n");
  out_ = folder_ / "again";
  EXPECT_THAT(
      message_of<DataError>([&] {
        run("pascal_context", {sources, voc});
      }),
      HasSubstr("labels.txt: names 1 of Context's 59 classes")
  );
}

TEST_F(Prepare, KeepsCocosImagesWithEnoughOfVocsClasses) {
  const auto annotations = [](const std::string& regions) {
    return R"({"info": {"year": 2017}, "images": [
        {"id": 7, "file_name": "000007.jpg", "width": 60, "height": 40},
        {"id": 8, "file_name": "000008.jpg", "width": 60, "height": 40}],
        "categories": [{"id": 3, "name": "car"}, {"id": 17, "name": "cat"},
        {"id": 18, "name": "dog"}, {"id": 90, "name": "toothbrush"}],
        "annotations": [)" +
           regions + "]}";
  };
  // Image 7 has a car of 50 x 30 pixels, and a cat over its corner. Image 8 has
  // a small dog, and many objects that are not in VOC.
  const std::string regions = R"(
      {"id": 1, "image_id": 7, "category_id": 3,
       "segmentation": [[5, 5, 55, 5, 55, 35, 5, 35]]},
      {"id": 2, "image_id": 7, "category_id": 17,
       "segmentation": [[0, 0, 10, 0, 10, 10, 0, 10]]},
      {"id": 3, "image_id": 8, "category_id": 18,
       "segmentation": [[0, 0, 10, 0, 10, 10, 0, 10]]},
      {"id": 4, "image_id": 8, "category_id": 90,
       "segmentation": [[0, 0, 60, 0, 60, 40, 0, 40]]})";
  const auto source = folder_ / "coco";
  const auto train = source + "/annotations/instances_train2017.json";
  write_text(train, annotations(regions));
  write_text(
      source + "/annotations/instances_val2017.json", annotations(regions)
  );
  const auto photo = encode_image(cv::Mat::zeros(40, 60, CV_8UC3), ".jpg");
  write_text(source + "/train2017/000007.jpg", photo);
  write_text(source + "/train2017/000008.jpg", photo);
  run("coco", {source});
  const auto dataset = open(Role::kTrain);
  ASSERT_EQ(dataset->size(), 1);
  EXPECT_EQ(dataset->id(0), "000007");
  const auto labels = dataset->load(0).labels;
  EXPECT_EQ(labels.at<uint8_t>(34, 54), 7);
  EXPECT_EQ(labels.at<uint8_t>(35, 54), 0);
  EXPECT_EQ(labels.at<uint8_t>(2, 2), 8);
  EXPECT_EQ(labels.at<uint8_t>(7, 7), kVoid);
  EXPECT_FALSE(std::filesystem::exists(out_ + "/JPEGImages/000008.jpg"));

  out_ = folder_ / "again";
  write_text(train, annotations(regions).substr(0, 300));
  EXPECT_THAT(
      message_of<DataError>([&] { run("coco", {source}); }),
      HasSubstr("instances_train2017.json: ")
  );
  write_text(
      train,
      annotations(
          R"({"image_id": 7, "category_id": 3, "segmentation": [[1, 2]]})"
      )
  );
  EXPECT_THAT(
      message_of<DataError>([&] { run("coco", {source}); }),
      HasSubstr("image 7: a polygon has 2 numbers")
  );
}

TEST_F(Prepare, UnpacksWhatLoadersReadAsItComes) {
  for (const auto& layout : testing::layouts()) {
    const bool unpacked = layout.kind == "voc2012" || layout.kind == "ade20k" ||
                          layout.kind == "camvid" ||
                          layout.kind == "cityscapes";
    if (!unpacked) continue;
    std::vector<std::pair<std::string, std::string>> files{
        {"Some/Where/" + layout.image, photo_bytes()},
        {"Some/Where/" + layout.val_image, photo_bytes()},
        {"Some/Where/" + layout.mask, mask_bytes(7)},
        {"Some/Where/" + layout.val_mask, mask_bytes(7)},
        {"Some/README", "no data"}};
    for (const auto& [path, text] : layout.texts) {
      files.emplace_back("Some/Where/" + path, text);
    }
    const auto tar = folder_ / (layout.kind + ".tar");
    write_tar(tar, files);
    out_ = folder_ / ("of_" + layout.image);
    run(layout.kind, {tar});
    EXPECT_EQ(
        open(Role::kTrain)->load(0).labels.at<uint8_t>(0, 0), layout.class_of(7)
    );
    EXPECT_EQ(kind_of(out_, layout.kind), layout.kind);
  }
  out_ = folder_ / "none";
  write_tar(folder_ / "other.tar", {{"a/b.txt", ""}});
  EXPECT_THAT(
      message_of<DataError>([&] { run("cityscapes", {folder_ / "other.tar"}); }
      ),
      HasSubstr("other.tar: the sources do not contain the folder leftImg8bit")
  );
}

TEST_F(Prepare, WritesNothingOutsideOfItsFolder) {
  // The photos and masks are in no folder, as in the original CamVid's
  // archives.
  const auto photos = folder_ / "photos.tar";
  write_tar(photos, {{"a.png", photo_bytes()}, {"../../b.png", photo_bytes()}});
  const auto masks = folder_ / "masks.tar";
  write_tar(masks, {{"a_L.png", mask_bytes(7)}});
  run("camvid", {photos, masks});
  EXPECT_TRUE(std::filesystem::exists(out_ + "/701_StillsRaw_full/a.png"));
  EXPECT_TRUE(std::filesystem::exists(out_ + "/701_StillsRaw_full/b.png"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "b.png"));
  write_text(out_ + "/train.txt", "a\n");
  EXPECT_EQ(open(Role::kTrain)->load(0).labels.at<uint8_t>(0, 0), 7);

  out_ = folder_ / "photos_alone";
  EXPECT_THAT(
      message_of<DataError>([&] { run("camvid", {photos}); }),
      HasSubstr("do not contain the folder trainannot or LabeledApproved_full")
  );
}

TEST(MatFile, GivesRowsAndColumnsAsMatlabHasThem) {
  const testing::TemporaryFolder folder;
  const auto path = folder / "a.mat";
  write_mat<double>(
      path, "LabelMap", "", MAT_C_DOUBLE, MAT_T_DOUBLE, std::nullopt
  );
  const auto labels = read_mat_labels(path, "LabelMap");
  ASSERT_EQ(labels.size(), kPhotoSize);
  EXPECT_EQ(labels.at<uint16_t>(3, 6), 36);
  EXPECT_THAT(
      message_of<DataError>([&] { read_mat_labels(path, "Other"); }),
      HasSubstr("a.mat: has no matrix Other")
  );
  write_mat<double>(path, "LabelMap", "", MAT_C_DOUBLE, MAT_T_DOUBLE, -1);
  EXPECT_THAT(
      message_of<DataError>([&] { read_mat_labels(path, "LabelMap"); }),
      HasSubstr("LabelMap: value -1 at row 0, column 0 is not a label")
  );
  write_text(path, "text");
  EXPECT_THAT(
      message_of<DataError>([&] { read_mat_labels(path, "LabelMap"); }),
      HasSubstr("a.mat: not a MATLAB file")
  );
}

/// Returns whether a point is inside a polygon, by the winding number.
bool is_inside(const std::vector<double>& corners, double x, double y) {
  const size_t count = corners.size() / 2;
  double turned = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t j = (i + 1) % count;
    const double from = std::atan2(corners[2 * i + 1] - y, corners[2 * i] - x);
    const double to = std::atan2(corners[2 * j + 1] - y, corners[2 * j] - x);
    turned += std::remainder(to - from, 2 * CV_PI);
  }
  return std::abs(turned) > CV_PI;
}

TEST(CocoMask, PolygonsHoldThePixelsWhoseCentresAreInside) {
  const cv::Size size(23, 17);
  Random random(5);
  for (int round = 0; round < 20; ++round) {
    // The corners are sorted by angle, so that no edges cross. Some are outside
    // the image.
    std::vector<double> corners;
    for (int corner = 0; corner < 9; ++corner) {
      const double angle = 2 * CV_PI * corner / 9;
      const double radius = random.uniform(3, 14);
      corners.push_back(11.3 + radius * std::cos(angle));
      corners.push_back(8.2 + radius * std::sin(angle));
    }
    const auto region = coco_region(Json::array({corners}), size);
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) {
        ASSERT_EQ(
            region.at<uint8_t>(y, x), is_inside(corners, x + 0.5, y + 0.5)
        ) << round
          << ": " << x << ", " << y;
      }
    }
  }
}

TEST(CocoMask, RunLengthsGoDownTheColumns) {
  const cv::Size size(3, 4);
  const auto region = coco_region(
      Json::parse(R"({"size": [4, 3], "counts": [2, 3, 6, 1]})"), size
  );
  const cv::Mat expected =
      (cv::Mat_<uint8_t>(4, 3) << 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1);
  EXPECT_EQ(cv::norm(region, expected, cv::NORM_INF), 0);
  EXPECT_THAT(
      message_of<DataError>([&] {
        coco_region(
            Json::parse(R"({"size": [4, 3], "counts": [2, 3, 6]})"), size
        );
      }),
      HasSubstr("run lengths do not match the image size")
  );
  EXPECT_THROW(coco_region(Json(3), size), DataError);
  const auto far = Json::parse("[[-1e308, 0.5, 1e308, 1.5, 5, 5]]");
  EXPECT_THAT(
      message_of<DataError>([&] { coco_region(far, size); }),
      HasSubstr("a polygon has a corner at -1e+308")
  );
}

/// Compresses run lengths as COCO does, written from its description.
std::string pack_run_lengths(const std::vector<int64_t>& counts) {
  std::string packed;
  for (size_t i = 0; i < counts.size(); ++i) {
    int64_t value = counts[i] - (i > 2 ? counts[i - 2] : 0);
    for (bool more = true; more;) {
      int64_t bits = value & 0x1F;
      value >>= 5;
      more = (bits & 0x10) != 0 ? value != -1 : value != 0;
      if (more) bits |= 0x20;
      packed += static_cast<char>(bits + 48);
    }
  }
  return packed;
}

TEST(CocoMask, PackedRunLengthsAreUnpacked) {
  // This is the example in cocoapi's README, a 9 x 10 mask with two runs.
  const std::vector<int64_t> counts{6, 1, 40, 4, 5, 4, 5, 4, 21};
  EXPECT_EQ(pack_run_lengths(counts), "61X13mN000`0");
  EXPECT_EQ(unpack_run_lengths("61X13mN000`0"), counts);
  Random random(2);
  std::vector<int64_t> many;
  for (int i = 0; i < 100; ++i) many.push_back(random.integer(0, 300000));
  EXPECT_EQ(unpack_run_lengths(pack_run_lengths(many)), many);
  EXPECT_THAT(
      message_of<DataError>([] { unpack_run_lengths("X"); }),
      HasSubstr("end within a number")
  );
}

}  // namespace
}  // namespace deeplab::data
