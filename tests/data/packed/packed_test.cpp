// SPDX-License-Identifier: Apache-2.0
#include "data/packed/packed.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>

#include <fmt/core.h>
#include <opencv2/core.hpp>
#include <torch/types.h>

#include "data/files/archive.h"
#include "data/files/image_file.h"
#include "data/kinds.h"
#include "data/loader.h"
#include "data/packed/pack.h"
#include "data/packed/packed_index.h"
#include "data/packed/run_cache.h"
#include "data/sets/file_dataset.h"
#include "data/sets/layouts.h"
#include "deeplab/core/error.h"

namespace deeplab::data {
namespace {

using testing::config_of;
using ::testing::HasSubstr;
using testing::layouts;
using testing::message_of;

constexpr int64_t kImages = 23;
constexpr int64_t kShardBytes = 20000;
/// Size of a run, enough for about four of the images.
constexpr int64_t kSmallRun = 9000;

/// A VOC folder with images of noise, and the same data set packed.
class PackedSet : public ::testing::Test {
 protected:
  void SetUp() override {
    Random random(3);
    std::string list;
    for (int64_t i = 0; i < kImages; ++i) {
      const auto id = fmt::format("v1.{}", i);
      cv::Mat photo(24, 20, CV_8UC3);
      cv::Mat mask(24, 20, CV_8UC1);
      for (auto& value : cv::Mat_<cv::Vec3b>(photo)) {
        value = {
            static_cast<uint8_t>(random.integer(0, 255)),
            static_cast<uint8_t>(random.integer(0, 255)),
            static_cast<uint8_t>(random.integer(0, 255))};
      }
      for (auto& value : cv::Mat_<uint8_t>(mask)) {
        value = static_cast<uint8_t>(random.integer(0, 2));
      }
      write_image(folder_ / ("JPEGImages/" + id + ".jpg"), photo);
      write_mask(folder_ / ("SegmentationClass/" + id + ".png"), mask, {});
      list += id + "\n";
    }
    testing::write_text(folder_ / "ImageSets/Segmentation/train.txt", list);
    files_.kind = "pascal_voc";
    files_.root = folder_.path();
    files_.classes = {"x", "y", "z"};
    plain_ = make_dataset(files_, Role::kTrain);
    pack({{"train", plain_}}, packed_folder_.path(), kShardBytes, {});
    config_.kind = "packed";
    config_.root = packed_folder_.path();
  }
  std::shared_ptr<const Dataset> packed() const {
    return make_packed_with_runs(config_, Role::kTrain, kSmallRun);
  }
  static BatchSource loader(
      const std::shared_ptr<const Dataset>& dataset, int64_t workers
  ) {
    LoaderOptions options;
    options.batch_size = 4;
    options.workers = workers;
    options.augment.crop = 16;
    options.normalization = {{0.5, 0.5, 0.5}, {1, 1, 1}};
    return make_loader(dataset, options);
  }
  static void expect_equal(const Batch& one, const Batch& other) {
    EXPECT_TRUE(torch::equal(one.images, other.images));
    EXPECT_TRUE(torch::equal(one.labels, other.labels));
  }

  testing::TemporaryFolder folder_;
  testing::TemporaryFolder packed_folder_;
  DataConfig files_;
  DataConfig config_;
  std::shared_ptr<const Dataset> plain_;
};

TEST_F(PackedSet, HoldsTheSameSamples) {
  for (const int64_t buffer : {0, 5, 1000}) {
    config_.shuffle_buffer = buffer;
    const auto dataset = packed();
    ASSERT_EQ(dataset->size(), kImages);
    EXPECT_EQ(dataset->classes().names, plain_->classes().names);
    EXPECT_EQ(dataset->classes().colors, plain_->classes().colors);
    for (int64_t i = 0; i < kImages; ++i) {
      const auto one = plain_->load(i);
      const auto other = dataset->load(i);
      EXPECT_EQ(dataset->id(i), plain_->id(i));
      EXPECT_EQ(cv::norm(one.image, other.image, cv::NORM_INF), 0);
      EXPECT_EQ(cv::norm(one.labels, other.labels, cv::NORM_INF), 0);
    }
  }
}

TEST_F(PackedSet, ShuffledWholeGivesTheSameBatches) {
  config_.shuffle_buffer = 0;
  const auto one = loader(plain_, 1);
  const auto other = loader(packed(), 1);
  for (int64_t i = 0; i < 12; ++i) expect_equal(one(i), other(i));
}

TEST_F(PackedSet, IsAPlainTarOfTheOriginalBytes) {
  const auto& files = dynamic_cast<const FileDataset&>(*plain_);
  int64_t found = 0;
  size_t shards = 0;
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(packed_folder_.path())) {
    if (entry.path().extension() != ".tar") continue;
    ++shards;
    read_files(
        entry.path().string(), [](const std::string&) { return true; },
        [&](const std::string& name, const std::string& bytes) {
          names.push_back(name);
          const bool is_mask = name.find(".mask.png") != std::string::npos;
          for (int64_t i = 0; i < kImages; ++i) {
            const auto key = fmt::format("v1_{}", i);
            if (name != key + (is_mask ? ".mask.png" : ".jpg")) continue;
            const auto pair = files.bytes(i);
            EXPECT_EQ(bytes, is_mask ? pair.mask : pair.image);
            ++found;
          }
        }
    );
  }
  EXPECT_EQ(found, 2 * kImages);
  EXPECT_GT(shards, 2U);
  EXPECT_TRUE(std::filesystem::exists(packed_folder_ / "train-000000.tar"));
}

TEST_F(PackedSet, AnEpochHoldsEachImageOnceAndGoesThroughWholeRuns) {
  // Here each shard is one run, which has more images than the shuffle buffer.
  config_.shuffle_buffer = 2;
  const auto dataset = make_dataset(config_, Role::kTrain);
  const auto index =
      Json::parse(testing::read_text(packed_folder_ / kPackedIndex));
  const auto shard_of = [&](int64_t i) {
    return index["splits"]["train"]["samples"][static_cast<size_t>(i)]["shard"]
        .get<int64_t>();
  };
  Random random(1);
  std::set<std::vector<int64_t>> orders;
  for (int epoch = 0; epoch < 5; ++epoch) {
    auto order = dataset->order(random);
    orders.insert(order);
    std::vector<int64_t> shards;
    for (const auto i : order) {
      if (shards.empty() || shards.back() != shard_of(i)) {
        shards.push_back(shard_of(i));
      }
    }
    // The order never returns to a shard that it has left.
    EXPECT_EQ(
        std::set<int64_t>(shards.begin(), shards.end()).size(), shards.size()
    );
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < kImages; ++i) {
      ASSERT_EQ(order[static_cast<size_t>(i)], i);
    }
  }
  EXPECT_EQ(orders.size(), 5U);
}

TEST_F(PackedSet, IsOpenedByItsClassesWhereTheShardsAreGone) {
  config_.classes = {"x", "y", "z"};
  config_.root = "/none";
  EXPECT_EQ(classes_of(config_).names, config_.classes);
  EXPECT_THROW(make_dataset(config_, Role::kTrain), DataError);
}

TEST_F(PackedSet, AnIndexThatNoPackingWroteIsRefused) {
  const auto path = packed_folder_ / kPackedIndex;
  const auto sound = Json::parse(testing::read_text(path));
  const auto refusal = [&](const Json::json_pointer& key, const Json& value) {
    auto index = sound;
    index[key] = value;
    testing::write_text(path, index.dump());
    return message_of<DataError>([&] { packed(); });
  };
  const auto sample = [](const std::string& key) {
    return Json::json_pointer("/splits/train/samples/0/" + key);
  };
  const auto outside = HasSubstr("sample v1.0 is outside its shard");
  EXPECT_THAT(refusal(sample("shard"), -1), outside);
  EXPECT_THAT(refusal(sample("shard"), 99), outside);
  EXPECT_THAT(refusal(sample("image/offset"), -5), outside);
  EXPECT_THAT(refusal(sample("image/size"), int64_t{1} << 60U), outside);
  EXPECT_THAT(refusal(sample("mask/offset"), 0), outside);
  EXPECT_THAT(
      refusal(Json::json_pointer("/splits/train/labels/indices/0"), {0, 200}),
      HasSubstr("packed.json: has the class index 200, but only 3 class names")
  );
  EXPECT_THAT(
      refusal(Json::json_pointer("/splits"), Json::array()),
      HasSubstr("packed.json: not the index of a packed data set")
  );
}

TEST_F(PackedSet, GivesTheSameBitsForAnyNumberOfWorkersAndAfterAResume) {
  config_.shuffle_buffer = 8;
  const auto alone = loader(packed(), 0);
  std::vector<Batch> batches;
  for (int64_t i = 0; i < 12; ++i) batches.push_back(alone(i));
  for (const int64_t workers : {1, 4}) {
    const auto many = loader(packed(), workers);
    for (size_t i = 0; i < batches.size(); ++i) {
      expect_equal(many(static_cast<int64_t>(i)), batches[i]);
    }
    // A new loader, as in a restarted program, resumes in the middle of the
    // second epoch.
    const auto resumed = loader(packed(), workers);
    for (size_t i = 7; i < batches.size(); ++i) {
      expect_equal(resumed(static_cast<int64_t>(i)), batches[i]);
    }
  }
}

TEST_F(PackedSet, SaysWhatIsWrongWithAShardOrTheIndex) {
  const auto refusal = [&] { return message_of<DataError>([&] { packed(); }); };
  const auto path = packed_folder_ / "train-000001.tar";
  const auto bytes = testing::read_text(path);
  testing::write_text(path, bytes.substr(0, 5000));
  EXPECT_THAT(
      refusal(), HasSubstr("train-000001.tar: has 5000 bytes; expected")
  );
  std::filesystem::remove(path);
  EXPECT_THAT(refusal(), HasSubstr("train-000001.tar: cannot open"));
  config_.train_split = "test";
  EXPECT_THAT(refusal(), HasSubstr("packed.json: has no split \"test\""));
}

TEST_F(PackedSet, WhatIsDamagedIsNotPacked) {
  const auto photo = folder_ / "JPEGImages/v1.9.jpg";
  testing::write_text(photo, testing::read_text(photo).substr(0, 300));
  const testing::TemporaryFolder other;
  EXPECT_THAT(
      message_of<DataError>([&] {
        pack({{"train", plain_}}, other.path(), kShardBytes, {});
      }),
      HasSubstr("v1.9.jpg: ")
  );
  EXPECT_FALSE(std::filesystem::exists(other / kPackedIndex));
  EXPECT_THAT(
      message_of<ConfigError>([&] {
        pack(
            {{"train", make_dataset({}, Role::kTrain)}}, other.path(),
            kShardBytes, {}
        );
      }),
      HasSubstr("only a data set of files can be packed")
  );
}

TEST(RunCache, KeepsTheLatestRunsWithinItsLimit) {
  const auto counts_after_three = [](const BufferLimit& limit) {
    RunCache cache(limit);
    std::vector<int> reads(3, 0);
    const auto get = [&](size_t run) {
      const auto first = static_cast<int64_t>(2 * run);
      return cache.get({first, first + 2, 10}, [&] {
        ++reads[run];
        return std::to_string(run);
      });
    };
    for (const size_t run : {0, 1, 2, 1, 0}) {
      EXPECT_EQ(*get(run), std::to_string(run));
    }
    return reads;
  };
  // The cache has room for two runs, so the first one is read again.
  EXPECT_EQ(counts_after_three({5, 1000}), (std::vector<int>{2, 1, 1}));
  EXPECT_EQ(counts_after_three({1000, 25}), (std::vector<int>{2, 1, 1}));
  EXPECT_EQ(counts_after_three({1000, 1000}), (std::vector<int>{1, 1, 1}));
}

TEST(TarWriter, SaysThatTheDiskIsFull) {
  std::ofstream full("/dev/full");
  TarWriter tar(full);
  const std::string much(1U << 20U, 'x');
  EXPECT_THAT(
      message_of<DataError>([&] { tar.add("a.jpg", much); }),
      HasSubstr("a.jpg: cannot be written into a tar file: ")
  );
}

TEST(Pack, KeepsWhatTheValuesOfEachKindMean) {
  for (const auto& layout : layouts()) {
    const testing::TemporaryFolder folder;
    const testing::TemporaryFolder packed_folder;
    const cv::Mat photo(6, 5, CV_8UC3, cv::Scalar(7, 8, 9));
    // No two kinds of data set map both values, 1 and 7, to the same classes.
    const int value = layout.class_of(7) < 0 ? 1 : 7;
    const cv::Mat known(6, 5, CV_8UC1, cv::Scalar(value));
    write_layout(
        layout, folder.path(), encode_image(photo, ".png"),
        encode_image(known, ".png")
    );
    const auto plain =
        make_dataset(config_of(layout, folder.path()), Role::kTrain);
    pack({{"train", plain}}, packed_folder.path(), kShardBytes, {});
    DataConfig config;
    config.kind = "packed";
    config.root = packed_folder.path();
    const auto packed = make_dataset(config, Role::kTrain);
    EXPECT_EQ(
        cv::norm(packed->load(0).labels, plain->load(0).labels, cv::NORM_INF), 0
    ) << layout.kind;
    EXPECT_EQ(packed->classes().names, plain->classes().names);
  }
}

/// Counts the samples that were loaded.
class Counting : public Dataset {
 public:
  int64_t size() const override { return 64; }
  std::string id(int64_t index) const override {
    return fmt::format("{}", index);
  }
  RawSample load(int64_t index) const override {
    ++loaded;
    // Not cv::Mat::zeros: OpenCV creates the operation behind it at its first
    // use, which the thread sanitizer takes for a race, as it doesn't see
    // OpenCV's own code.
    const cv::Scalar zero = cv::Scalar::all(0);
    return {
        cv::Mat(8, 8, CV_8UC3, zero), cv::Mat(8, 8, CV_8UC1, zero), id(index)};
  }
  const Classes& classes() const override { return classes_; }

  mutable std::atomic<int64_t> loaded{0};

 private:
  Classes classes_ = make_classes({"x", "y"}, {});
};

TEST(Loader, RunsNoFurtherAheadThanItMay) {
  const auto dataset = std::make_shared<Counting>();
  LoaderOptions options;
  options.batch_size = 4;
  options.workers = 4;
  options.prefetch = 3;
  options.augment.crop = 8;
  options.normalization = {{0.5, 0.5, 0.5}, {1, 1, 1}};
  const auto source = make_loader(dataset, options);
  for (int64_t taken = 1; taken <= 12; ++taken) {
    source(taken - 1);
    // The workers stop at this point, however long the consumer takes.
    std::this_thread::yield();
    EXPECT_LE(dataset->loaded, 4 * (taken + options.prefetch));
  }
}

}  // namespace
}  // namespace deeplab::data
