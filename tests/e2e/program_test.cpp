// SPDX-License-Identifier: Apache-2.0
// The program itself, as a user runs it, on small drawn data.
#include "e2e/program.h"

#include <csignal>
#include <sstream>

#include <sys/wait.h>
#include <torch/script.h>
#include <unistd.h>

#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/engine/checkpoint.h"
#include "e2e/same_weights.h"
#include "support/support.h"

namespace deeplab {
namespace {

using ::testing::HasSubstr;

TEST_F(Program, SigintFinishesTheStepSavesAndExits) {
  const auto out = path("run");
  const pid_t child = start(small(out, 100000));
  wait_for_lines(out + "/metrics.jsonl", 4);
  ::kill(child, SIGINT);
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  const auto iteration =
      engine::load_checkpoint(out + "/last.safetensors").iteration;
  EXPECT_GE(iteration, 4);
  const auto log = testing::read_text(out + "/metrics.jsonl");
  EXPECT_THAT(log, HasSubstr(str("{\"iteration\":", iteration, ",\"loss\"")));
  EXPECT_THAT(
      log, ::testing::Not(HasSubstr(str("{\"iteration\":", iteration + 1)))
  );
}

TEST_F(Program, WorkersDoNotChangeTheResult) {
  ASSERT_EQ(deeplab(small(path("a"), 4) + " --workers 0").code, 0);
  ASSERT_EQ(deeplab(small(path("b"), 4) + " --workers 3").code, 0);
  EXPECT_TRUE(same_weights(
      path("a") + "/last.safetensors", path("b") + "/last.safetensors"
  ));
}

TEST_F(Program, TrainsEvaluatesPredictsOnFiles) {
  const auto set = path("set");
  ASSERT_EQ(
      deeplab(
          "data synthesize " + set +
          " --set data.synthetic.train_images=4"
          " --set data.synthetic.val_images=2"
          " --set data.synthetic.width=64 --set data.synthetic.height=48"
      )
          .code,
      0
  );
  EXPECT_NE(deeplab("data synthesize " + set).code, 0);
  const auto check = deeplab("data check --data " + set);
  EXPECT_EQ(check.code, 0) << check.output;
  EXPECT_THAT(check.output, HasSubstr("train: 4 images, 0 unusable"));
  const auto packed = path("packed");
  EXPECT_EQ(deeplab("data pack --data " + set + " --out " + packed).code, 0);
  const auto prepared = path("prepared");
  // Its 9 classes are among VOC's 21.
  const auto made =
      deeplab("data prepare voc2012 " + set + " --out " + prepared + "/");
  EXPECT_EQ(made.code, 0) << made.output;
  EXPECT_THAT(made.output, HasSubstr(" --data-kind voc2012"));
  EXPECT_EQ(
      deeplab("data check --data " + prepared + " --data-kind voc2012").code, 0
  );
  const auto broken = path("broken");
  const auto refused =
      deeplab("data prepare voc2012 " + set + "/JPEGImages --out " + broken);
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.output, HasSubstr("no folder JPEGImages is in the"));
  EXPECT_FALSE(std::filesystem::exists(broken));
  EXPECT_FALSE(std::filesystem::exists(broken + ".partial"));
  std::filesystem::create_directory(broken + ".partial");
  EXPECT_THAT(
      deeplab("data prepare voc2012 " + set + " --out " + broken).output,
      HasSubstr("broken.partial: is there from an earlier try; remove it")
  );
  const auto report = path("report");
  // Of the packed set as of any other.
  EXPECT_EQ(
      deeplab("data check --data " + packed + " --out " + report).code, 0
  );
  const auto json = Json::parse(testing::read_text(report + "/check.json"));
  EXPECT_EQ(json.at("splits").at("val").at("images"), 2);
  const auto& weights = json.at("splits").at("train").at("class_weights");
  EXPECT_EQ(weights.at("median_frequency").size(), 9U);
  EXPECT_TRUE(std::filesystem::exists(report + "/train.png"));

  const auto run = path("run");
  const auto trained = deeplab(small(run, 4) + " --data " + set);
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_THAT(trained.output, HasSubstr("  data wait "));
  const auto shards = path("of_shards");
  ASSERT_EQ(
      deeplab(
          small(shards, 4) + " --data " + packed +
          " --set data.shuffle_buffer=0"
      )
          .code,
      0
  );
  EXPECT_TRUE(
      same_weights(run + "/last.safetensors", shards + "/last.safetensors")
  );
  const auto again = deeplab(small(run, 4) + " --data " + set);
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.output, HasSubstr("holds a run already; add --resume"));
  const auto other =
      deeplab(small(run, 4) + " --data " + set + " --resume --seed 5");
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.output, HasSubstr("was trained with another train.seed"));

  const auto best = " --checkpoint " + run + "/best.safetensors";
  const auto scored = deeplab(
      "evaluate" + best + " --output-stride 8 --json " + path("scores.json")
  );
  EXPECT_EQ(scored.code, 0) << scored.output;
  EXPECT_THAT(scored.output, HasSubstr("mean IoU"));
  EXPECT_THAT(
      testing::read_text(path("scores.json")), HasSubstr("\"confusion\"")
  );

  const auto predicted = deeplab(
      "predict " + set + "/JPEGImages" + best + " --out " + path("out") +
      " --save mask,overlay,logits,probabilities"
  );
  EXPECT_EQ(predicted.code, 0) << predicted.output;
  for (const char* name :
       {"train_0_mask.png",
        "val_1_overlay.png",
        "val_0_logits.npy",
        "val_0_probabilities.npy"}) {
    EXPECT_TRUE(std::filesystem::exists(path("out") + "/" + name)) << name;
  }
  // float32 [9, 48, 64] behind a header of 128 bytes.
  EXPECT_EQ(
      std::filesystem::file_size(path("out") + "/val_0_logits.npy"),
      128U + 9 * 48 * 64 * 4
  );
  EXPECT_THAT(
      testing::read_text(path("out") + "/val_0_logits.npy"),
      HasSubstr("'descr': '<f4', 'fortran_order': False, 'shape': (9,48,64,)")
  );
}

TEST_F(Program, OneBadPhotoDoesNotCostTheOthers) {
  const auto set = path("set");
  deeplab(
      "data synthesize " + set +
      " --set data.synthetic.train_images=1"
      " --set data.synthetic.val_images=1"
      " --set data.synthetic.width=64 --set data.synthetic.height=48"
  );
  torch::jit::Module script("script");
  script.define("def forward(self, x):\n    return x\n");
  script.save(path("model.pt"));
  const auto photos = set + "/JPEGImages";
  const auto whole = testing::read_text(photos + "/val_0.jpg");
  testing::write_text(photos + "/cut.jpg", whole.substr(0, whole.size() / 2));
  const auto predicted = deeplab(
      "predict " + photos + " --torchscript " + path("model.pt") + " --out " +
      path("out") + " --mean 0,0,0 --std 1,1,1"
  );
  EXPECT_EQ(predicted.code, 3);
  EXPECT_THAT(predicted.output, HasSubstr("cut.jpg: JPEG: "));
  EXPECT_THAT(predicted.output, HasSubstr("1 of 3 photos could not"));
  EXPECT_TRUE(std::filesystem::exists(path("out") + "/val_0_mask.png"));
}

/// The changes of the papers' ablations, by flags beside a small training.
class OneFlag : public Program,
                public ::testing::WithParamInterface<const char*> {};

TEST_P(OneFlag, Trains) {
  const auto finished = deeplab(str(
      "train --out ",
      path("out"),
      " --iterations 1 --batch-size 2 --crop 33 --backbone resnet18"
      " --learning-rate 0.0001"
      " --set data.synthetic.train_images=2 --set data.synthetic.val_images=1"
      " --set data.synthetic.width=48 --set data.synthetic.height=33 ",
      GetParam()
  ));
  EXPECT_EQ(finished.code, 0) << finished.output;
  EXPECT_TRUE(std::filesystem::exists(path("out/best.safetensors")));
}

INSTANTIATE_TEST_SUITE_P(
    Networks,
    OneFlag,
    ::testing::Values(
        "--backbone xception --set model.backbone_options.middle_blocks=9"
        " --set model.backbone_options.downsampling=separable"
        " --set model.backbone_options.after_depthwise=bn_relu",
        "--backbone xception65",
        "--decoder none --set model.context=none",
        "--decoder unet",
        "--decoder fcn8s",
        "--set model.decoder_options.low_level_channels=8"
        " --set model.decoder_options.levels=2"
        " --set model.decoder_options.convs=3"
        " --set model.decoder_options.kernel=1"
        " --set model.decoder_options.channels=128",
        "--set model.decoder_options.separable=true"
        " --set model.aspp.rates=[6,12,18,24]"
        " --set model.aspp.image_pooling=false --set model.aspp.separable=true",
        "--set model.aspp.image_pooling_first=true"
        " --set model.align_corners=true",
        "--decoder none --set model.aspp.fusion=sum --set model.scales=[0.5,1]",
        "--set model.context=pyramid_pooling"
        " --set model.auxiliary_weight=0.4",
        "--set model.context=large_fov --output-stride 4",
        "--set model.backbone_options.cascade=3"
        " --set model.backbone_options.multi_grid=[1,2]",
        "--network deeplabv3plus-mobilenetv2",
        "--network unet-resnet34"
    ),
    [](const auto& tested) {
      std::string name;
      for (const char letter : std::string(tested.param)) {
        if (std::isalnum(static_cast<unsigned char>(letter)) != 0) {
          name += letter;
        } else if (!name.empty() && name.back() != '_') {
          name += '_';
        }
      }
      return name;
    }
);

TEST_F(Program, ExportsWhatItTrainedAndNeedsNoFlagsToUseIt) {
  ASSERT_EQ(deeplab(small(path("run"), 2)).code, 0);
  const auto best = path("run/best.safetensors");
  const auto scores = [&](const std::string& words, const std::string& json) {
    const auto finished =
        deeplab(str("evaluate ", words, " --threads 1 --json ", path(json)));
    EXPECT_EQ(finished.code, 0) << finished.output;
    const auto text = testing::read_text(path(json));
    return text.substr(text.find("\"mean_iou\""));
  };
  const auto ours = scores("--checkpoint " + best, "ours.json");
  for (const std::string flags :
       {"", "--normalize", "--output probabilities", "--freeze"}) {
    const auto exported = deeplab(
        "export --checkpoint " + best + " --out " + path("net.pt") + " " + flags
    );
    ASSERT_EQ(exported.code, 0) << exported.output;
    EXPECT_EQ(scores("--torchscript " + path("net.pt"), "theirs.json"), ours)
        << flags;
  }
  const auto labels = deeplab(
      "export --checkpoint " + best + " --out " + path("labels.pt") +
      " --output labels"
  );
  ASSERT_EQ(labels.code, 0) << labels.output;
  const auto refused = deeplab("evaluate --torchscript " + path("labels.pt"));
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.output, HasSubstr("export it with --output logits"));
}

TEST_F(Program, ConvertsACheckpointToPlainSafetensors) {
  ASSERT_EQ(deeplab(small(path("run"), 2)).code, 0);
  const auto finished = deeplab(
      "convert " + path("run/best.safetensors") + " " +
      path("plain.safetensors")
  );
  ASSERT_EQ(finished.code, 0) << finished.output;
  const auto plain = deeplab(
      "evaluate --config " + path("run/config.json") + " --init-from " +
      path("plain.safetensors")
  );
  EXPECT_EQ(plain.code, 0) << plain.output;
}

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
  // Run again, it has nothing left to score.
  EXPECT_EQ(deeplab(tune).code, 0);
  EXPECT_EQ(testing::read_text(path("tuned/table.jsonl")), table);
  const auto other = deeplab(tune + " --grid v1");
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.output, HasSubstr("is of another tuning"));

  const auto evaluate = "evaluate --checkpoint " + best;
  EXPECT_EQ(deeplab(evaluate + " --crf=" + path("tuned/crf.json")).code, 0);
  // One that changes what this hardly trained network says: every pixel avoids
  // the label of its like.
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
  // The CRF's counts do not mix with the network's.
  EXPECT_EQ(scores.at("trimap_mean_iou"), without.at("trimap_mean_iou"));
  EXPECT_NE(
      scores.at("trimap_mean_iou"), scores.at("crf").at("trimap_mean_iou")
  );

  const auto wrong = deeplab(
      "crf --image " + photo + " --probabilities " +
      path("plain/" + stem + "_logits.npy")
  );
  EXPECT_EQ(wrong.code, 3);
  EXPECT_THAT(wrong.output, HasSubstr("expected 0 to 1"));
}

TEST_F(Program, CrfRefinesAFolderOfPhotos) {
  namespace fs = std::filesystem;
  const auto drawn = path("drawn");
  const auto photos = drawn + "/JPEGImages";
  const auto masks = drawn + "/SegmentationClass";
  ASSERT_EQ(
      deeplab(
          "data synthesize " + drawn +
          " --set data.synthetic.train_images=2"
          " --set data.synthetic.val_images=2"
          " --set data.synthetic.width=64 --set data.synthetic.height=48"
      )
          .code,
      0
  );
  const auto refine = [&](const std::string& photo,
                          const std::string& labels,
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

  // As predict calls its results; the pictures beside them are not masks.
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
  EXPECT_THAT(twice.output, HasSubstr("are of one photo"));

  const auto over = refine(photos, path("all"), "all");
  EXPECT_EQ(over.code, 2);
  EXPECT_THAT(over.output, HasSubstr("a result would take its place"));
  const auto mixed = refine(photos, masks + "/val_1.png", "mixed");
  EXPECT_EQ(mixed.code, 2);
  EXPECT_THAT(mixed.output, HasSubstr("one is a folder, the other is not"));
  // A bad photo does not cost the others.
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
  EXPECT_THAT(missing.output, HasSubstr("train_0.png: no photo of it in"));
}

TEST(Describe, ListsPresetsAndPrintsLayers) {
  const auto list = deeplab("describe");
  EXPECT_EQ(list.code, 0);
  EXPECT_THAT(list.output, HasSubstr("deeplabv3plus-xception65"));
  const auto table =
      deeplab("describe deeplabv3plus-xception65 --input 513x513 --count paper"
      );
  EXPECT_EQ(table.code, 0);
  EXPECT_THAT(
      table.output, HasSubstr("backbone.blocks.20.stack.conv3.conv_pw")
  );
  EXPECT_THAT(table.output, HasSubstr("41055413"));
  const auto json = deeplab(
      "describe --network deeplabv3plus-mobilenetv2 --decoder none --json"
  );
  EXPECT_EQ(json.code, 0);
  EXPECT_THAT(json.output, HasSubstr("\"decoder\": \"none\""));
  EXPECT_THAT(json.output, HasSubstr("\"multiply_adds\""));
}

}  // namespace
}  // namespace deeplab
