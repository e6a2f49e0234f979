// SPDX-License-Identifier: Apache-2.0
// Tests the program as a user runs it, on small synthetic data.
#include "e2e/program.h"

#include <cmath>
#include <csignal>
#include <filesystem>

#include <fmt/core.h>
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

using ::testing::ContainsRegex;
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
  EXPECT_THAT(
      log, HasSubstr(fmt::format("{{\"iteration\":{},\"loss\"", iteration))
  );
  EXPECT_THAT(
      log,
      ::testing::Not(HasSubstr(fmt::format("{{\"iteration\":{}", iteration + 1))
      )
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
  synthesize(set, 4, 2);
  EXPECT_NE(deeplab("data synthesize " + set).code, 0);
  const auto check = deeplab("data check --data " + set);
  EXPECT_EQ(check.code, 0) << check.output;
  EXPECT_THAT(check.output, HasSubstr("train: 4 images, 0 unusable"));
  const auto packed = path("packed");
  EXPECT_EQ(deeplab("data pack --data " + set + " --out " + packed).code, 0);
  const auto prepared = path("prepared");
  // The labels of the 9 synthetic classes are also valid for VOC's 21 classes.
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
  EXPECT_THAT(
      refused.output, HasSubstr("do not contain the folder JPEGImages")
  );
  EXPECT_FALSE(std::filesystem::exists(broken));
  EXPECT_FALSE(std::filesystem::exists(broken + ".partial"));
  std::filesystem::create_directory(broken + ".partial");
  EXPECT_THAT(
      deeplab("data prepare voc2012 " + set + " --out " + broken).output,
      HasSubstr("broken.partial: exists from an earlier attempt; remove it")
  );
  const auto report = path("report");
  // A packed data set can be checked like any other.
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
  EXPECT_THAT(
      other.output, HasSubstr("was trained with a different train.seed")
  );

  const auto best = " --checkpoint " + run + "/best.safetensors";
  const auto scored = deeplab(
      "evaluate" + best + " --output-stride 8 --json " + path("scores.json")
  );
  EXPECT_EQ(scored.code, 0) << scored.output;
  EXPECT_THAT(scored.output, HasSubstr("mean IoU"));
  EXPECT_THAT(scored.output, ContainsRegex("  network [0-9]+ %\n"));
  EXPECT_THAT(
      testing::read_text(path("scores.json")), HasSubstr("\"confusion\"")
  );

  const auto predicted = deeplab(
      "predict " + set + "/JPEGImages" + best + " --out " + path("out") +
      " --save mask,overlay,logits,probabilities"
  );
  EXPECT_EQ(predicted.code, 0) << predicted.output;
  for (const char* name :
       {"train_0_mask.png", "val_1_overlay.png", "val_0_logits.npy",
        "val_0_probabilities.npy"}) {
    EXPECT_TRUE(std::filesystem::exists(path("out") + "/" + name)) << name;
  }
  // The file has a header of 128 bytes and float32 [9, 48, 64].
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
  synthesize(set, 1, 1);
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

/// Runs a small training with one additional flag, for each option that the
/// papers' ablations vary.
class OneFlag : public Program,
                public ::testing::WithParamInterface<const char*> {};

TEST_P(OneFlag, Trains) {
  const auto finished = deeplab(fmt::format(
      "train --out {} --iterations 1 --batch-size 2 --crop 33 --backbone resnet18 --learning-rate 0.0001 --set data.synthetic.train_images=2 --set data.synthetic.val_images=1 --set data.synthetic.width=48 --set data.synthetic.height=33 {}",
      path("out"), GetParam()
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
        " --set model.alignment=corners",
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

TEST_F(Program, RefusesANetworkWhoseFirstLayerHasDiverged) {
  ASSERT_EQ(deeplab(small(path("run"), 1)).code, 0);
  const auto checkpoint = path("run/last.safetensors");
  auto damaged = engine::load_checkpoint(checkpoint);
  for (auto& item : damaged.network) {
    if (item.value().dim() != 4) continue;
    item.value() = torch::full_like(item.value(), std::nan(""));
    break;
  }
  engine::save_checkpoint(checkpoint, damaged);
  synthesize(path("set"), 1, 1);
  const auto photo = path("set/JPEGImages/val_0.jpg");
  const auto predict = "predict " + photo + " --out " + path("masks");
  for (const auto& words : {std::string("evaluate"), predict}) {
    for (const char* precision : {"float32", "bfloat16"}) {
      const auto refused = deeplab(fmt::format(
          "{} --checkpoint {} --precision {}", words, checkpoint, precision
      ));
      EXPECT_NE(refused.code, 0);
      EXPECT_THAT(
          refused.output,
          HasSubstr("the network's scores for this image are not finite")
      );
    }
  }
  EXPECT_FALSE(std::filesystem::exists(path("masks/val_0_mask.png")));
}

TEST_F(Program, ExportsWhatItTrainedAndNeedsNoFlagsToUseIt) {
  ASSERT_EQ(deeplab(small(path("run"), 2)).code, 0);
  const auto best = path("run/best.safetensors");
  const auto scores = [&](const std::string& words, const std::string& json) {
    const auto finished = deeplab(
        fmt::format("evaluate {} --threads 1 --json {}", words, path(json))
    );
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
  EXPECT_THAT(
      refused.output, HasSubstr("export the network with --output logits")
  );
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
