// SPDX-License-Identifier: Apache-2.0
// Tests the CRF as a user runs it: in evaluate and predict, on its own, tuned,
// and for folders.
#include <algorithm>
#include <filesystem>

#include "deeplab/core/config_io.h"
#include "e2e/program.h"
#include "support/support.h"

namespace deeplab {
namespace {

using ::testing::HasSubstr;

TEST_F(Program, RefinesByACrfInEvaluatePredictAndOnItsOwn) {
  ASSERT_EQ(deeplab(small(path("run"), 2)).code, 0);
  const auto best = path("run/best.safetensors");
  const auto scored = deeplab(
      "evaluate --checkpoint " + best + " --crf=vgg16 --json " + path("s.json")
  );
  ASSERT_EQ(scored.code, 0) << scored.output;
  EXPECT_THAT(scored.output, HasSubstr("with the CRF"));
  EXPECT_THAT(scored.output, HasSubstr("the CRF changes mean IoU by "));
  EXPECT_THAT(
      testing::read_text(path("s.json")), HasSubstr("\"bilateral_xy\": 49")
  );

  ASSERT_EQ(deeplab("data synthesize " + path("drawn")).code, 0);
  const auto photos = path("drawn/JPEGImages");
  const auto photo =
      std::filesystem::directory_iterator(photos)->path().string();
  const auto stem = std::filesystem::path(photo).stem().string();
  const auto predict = [&](const std::string& flags, const std::string& out) {
    const auto finished = deeplab(
        "predict " + photo + " --checkpoint " + best + " --out " + path(out) +
        " " + flags
    );
    EXPECT_EQ(finished.code, 0) << finished.output;
  };
  predict("--save logits", "plain");
  predict("--save mask,probabilities --crf", "refined");
  const auto alone = deeplab(
      "crf --image " + photo + " --logits " +
      path("plain/" + stem + "_logits.npy") +
      " --save mask,probabilities,overlay --steps 0,1,10 --out " + path("crf")
  );
  ASSERT_EQ(alone.code, 0) << alone.output;
  for (const auto* file : {"_mask.png", "_probabilities.npy"}) {
    EXPECT_EQ(
        testing::read_text(path("crf/" + stem + file)),
        testing::read_text(path("refined/" + stem + file))
    ) << file;
  }
  EXPECT_TRUE(std::filesystem::exists(path("crf/" + stem + "_steps.png")));
  const auto tune = "crf tune --checkpoint " + best +
                    " --images 1 --crf=vgg16 --out " + path("tuned");
  const auto tuned = deeplab(tune);
  ASSERT_EQ(tuned.code, 0) << tuned.output;
  EXPECT_THAT(tuned.output, HasSubstr("mean IoU without the CRF"));
  const auto table = testing::read_text(path("tuned/table.jsonl"));
  EXPECT_GT(std::count(table.begin(), table.end(), '\n'), 40);
  // A second run has nothing left to score.
  EXPECT_EQ(deeplab(tune).code, 0);
  EXPECT_EQ(testing::read_text(path("tuned/table.jsonl")), table);
  const auto other = deeplab(tune + " --grid v1");
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(
      other.output, HasSubstr("belongs to a tuning with other settings")
  );

  const auto evaluate = "evaluate --checkpoint " + best;
  EXPECT_EQ(deeplab(evaluate + " --crf=" + path("tuned/crf.json")).code, 0);
  // This CRF changes the result of the hardly trained network, because its
  // negative weight makes similar pixels avoid each other's labels.
  testing::write_text(
      path("odd.json"), R"({"bilateral_weight": -1000, "iterations": 1})"
  );
  const auto both = deeplab(
      evaluate + " --trimap 1,4 --crf=" + path("odd.json") + " --json " +
      path("both.json")
  );
  ASSERT_EQ(both.code, 0) << both.output;
  EXPECT_THAT(both.output, HasSubstr("the CRF changes mean IoU by"));
  const auto plain =
      deeplab(evaluate + " --trimap 1,4 --json " + path("plain.json"));
  ASSERT_EQ(plain.code, 0) << plain.output;
  EXPECT_THAT(plain.output, HasSubstr("mean IoU within 4 px"));
  const auto scores = Json::parse(testing::read_text(path("both.json")));
  const auto without = Json::parse(testing::read_text(path("plain.json")));
  // The counts with the CRF are separate from the network's.
  EXPECT_EQ(scores.at("trimap_mean_iou"), without.at("trimap_mean_iou"));
  EXPECT_NE(
      scores.at("trimap_mean_iou"), scores.at("crf").at("trimap_mean_iou")
  );

  const auto wrong = deeplab(
      "crf --image " + photo + " --probabilities " +
      path("plain/" + stem + "_logits.npy")
  );
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.output, HasSubstr("must be in 0..1"));
}

TEST_F(Program, CrfRefinesAFolderOfPhotos) {
  namespace fs = std::filesystem;
  const auto drawn = path("drawn");
  const auto photos = drawn + "/JPEGImages";
  const auto masks = drawn + "/SegmentationClass";
  synthesize(drawn, 2, 2);
  const auto refine = [&](const std::string& photo, const std::string& labels,
                          const std::string& out) {
    return deeplab(
        "crf --image " + photo + " --labels " + labels +
        " --num-labels 12 --save mask,probabilities --out " + path(out)
    );
  };
  const auto expect_equal = [&](const std::string& out,
                                const std::string& name) {
    for (const auto* file : {"_mask.png", "_probabilities.npy"}) {
      const auto bytes = testing::read_text(path("one/" + name + file));
      EXPECT_FALSE(bytes.empty());
      EXPECT_EQ(bytes, testing::read_text(path(out + "/" + name + file)));
    }
  };
  const auto one = refine(photos + "/val_1.jpg", masks + "/val_1.png", "one");
  ASSERT_EQ(one.code, 0) << one.output;
  const auto all = refine(photos, masks, "all");
  ASSERT_EQ(all.code, 0) << all.output;
  expect_equal("all", "val_1");
  EXPECT_TRUE(fs::exists(path("all/train_0_mask.png")));

  // The files are named like predict's results. The overlays in the same folder
  // are not masks.
  fs::create_directory(path("predicted"));
  for (const auto* kind : {"_mask.png", "_overlay.png"}) {
    fs::copy(masks + "/val_1.png", path("predicted/val_1") + kind);
  }
  const auto predicted = refine(photos, path("predicted"), "predicted_out");
  ASSERT_EQ(predicted.code, 0) << predicted.output;
  expect_equal("predicted_out", "val_1");
  fs::copy(masks + "/val_1.png", path("predicted/val_1.png"));
  const auto twice = refine(photos, path("predicted"), "twice");
  EXPECT_EQ(twice.code, 2);
  EXPECT_THAT(twice.output, HasSubstr("belong to the same photo"));

  const auto over = refine(photos, path("all"), "all");
  EXPECT_EQ(over.code, 2);
  EXPECT_THAT(over.output, HasSubstr("a result would overwrite this file"));
  const auto mixed = refine(photos, masks + "/val_1.png", "mixed");
  EXPECT_EQ(mixed.code, 2);
  EXPECT_THAT(mixed.output, HasSubstr("one is a folder, the other is not"));
  const auto nothing = refine(path("none"), masks, "nothing");
  EXPECT_EQ(nothing.code, 3);
  EXPECT_THAT(nothing.output, HasSubstr("none: no such file"));
  // The other photos are processed in spite of a damaged one.
  const auto bad = photos + "/train_0.jpg";
  testing::write_text(bad, testing::read_text(bad).substr(0, 300));
  const auto some = refine(photos, masks, "some");
  EXPECT_EQ(some.code, 3);
  EXPECT_THAT(some.output, HasSubstr("error: " + bad));
  EXPECT_THAT(some.output, HasSubstr("1 of 4 photos could not"));
  expect_equal("some", "val_1");
  fs::remove(bad);
  const auto missing = refine(photos, masks, "missing");
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.output, HasSubstr("train_0.png: no matching photo in"));
}

}  // namespace
}  // namespace deeplab
