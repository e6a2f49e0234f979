// SPDX-License-Identifier: Apache-2.0
#include "apps/config/run_config.h"

#include <filesystem>

#include "apps/config/grid.h"
#include "apps/config/protocols.h"
#include "data/kinds.h"
#include "deeplab/core/error.h"
#include "deeplab/engine/optimizer.h"
#include "deeplab/model/deeplab.h"
#include "support/support.h"

namespace deeplab::apps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

RunConfig read_text(const std::string& text) {
  return read_run_config(parse_json(text, "test"));
}

TEST(RunConfig, EveryFileOfConfigsIsReadAndValid) {
  int64_t grids = 0;
  int64_t configs = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator("apps/configs")) {
    const auto path = entry.path().string();
    if (entry.path().extension() != ".json") continue;
    const auto json = parse_json(testing::read_text(path), path);
    if (json.contains("base")) {
      EXPECT_FALSE(read_grid(path).cells.empty()) << path;
      ++grids;
    } else {
      const auto config = read_run_config(json);
      EXPECT_NO_THROW(validate(config, data::classes_of(config.data).size()))
          << path;
      ++configs;
    }
  }
  EXPECT_GE(grids, 38);
  EXPECT_GE(configs, 6);
}

TEST(RunConfig, ReadsBackWhatItWrites) {
  RunConfig config;
  config.model.backbone = "resnet50";
  config.evaluate.output_stride = 8;
  config.data.colors = {{1, 2, 3}, {4, 5, 6}};
  const auto json = write_config(config);
  EXPECT_EQ(write_config(read_config<RunConfig>(json, "")), json);
}

TEST(RunConfig, TheFormerKeyAlignCornersMeansWhatItMeant) {
  EXPECT_EQ(read_text("{}").model.alignment, "centres");
  const auto alignment = [](const std::string& model) {
    return read_text(R"({"model": )" + model + "}").model.alignment;
  };
  EXPECT_EQ(alignment(R"({"align_corners": false})"), "edges");
  EXPECT_EQ(alignment(R"({"align_corners": true})"), "corners");
  EXPECT_EQ(alignment(R"({"preset": "tf"})"), "corners");
  EXPECT_EQ(alignment(R"({"preset": "tf", "align_corners": false})"), "edges");
  // `--set model.alignment=centres` on the config of an old run.
  EXPECT_EQ(
      alignment(R"({"align_corners": true, "alignment": "centres"})"), "centres"
  );
  EXPECT_THAT(
      message_of<ConfigError>([&] { alignment(R"({"align_corners": "yes"})"); }
      ),
      HasSubstr("model.align_corners is \"yes\"; expected true or false")
  );
}

TEST(RunConfig, PiecesBeginAtMultiplesOfTheStrideOfTheEvaluation) {
  const auto config = read_text(R"({"evaluate": {"output_stride": 8}})");
  EXPECT_EQ(config.inference().stride, 8);
  // Other alignments do not draw features where they look.
  const auto corners = read_text(R"({"model": {"alignment": "corners"}})");
  EXPECT_EQ(corners.inference().stride, 1);
}

TEST(RunConfig, APresetsNameStandsForANetwork) {
  const auto named = read_text(R"({"model": "deeplabv2-resnet101"})");
  EXPECT_EQ(named.model.backbone, "resnet101");
  EXPECT_EQ(named.model.aspp.fusion, "sum");
  EXPECT_EQ(named.train_stride(), OutputStride::k8);
  EXPECT_NEAR(named.data.mean[0], 122.675 / 255, 1e-9);
  const auto inner =
      read_text(R"({"model": {"preset": "deeplabv2-resnet101"}})");
  EXPECT_EQ(write_config(named), write_config(inner));
  // The config that a run writes back contains no preset's name.
  EXPECT_EQ(
      write_config(read_run_config(write_config(named))), write_config(named)
  );
}

TEST(RunConfig, APresetIsOverriddenFieldByField) {
  const auto config = read_text(
      R"({"model": {"preset": "torchvision", "backbone": "resnet50",
          "aspp": {"dropout": 0}, "auxiliary_weight": null},
          "data": {"mean": [0, 0, 0]}, "train": {"output_stride": 16}})"
  );
  EXPECT_EQ(config.model.backbone, "resnet50");
  EXPECT_EQ(config.model.aspp.dropout, 0);
  EXPECT_EQ(config.model.decoder_options.convs, 1);
  EXPECT_FALSE(config.model.auxiliary_weight.has_value());
  EXPECT_EQ(config.data.mean[0], 0);
  EXPECT_EQ(config.train_stride(), OutputStride::k16);
  EXPECT_THAT(
      message_of<ConfigError>([] { read_text(R"({"model": {"preset": 3}})"); }),
      HasSubstr("model.preset is 3; expected a preset's name")
  );
}

TEST(RunConfig, SetKeyMakesTheWay) {
  Json config = Json::object();
  set_key(config, "train.seed", 3);
  set_key(config, "train.momentum", 0.5);
  EXPECT_EQ(config.dump(), R"({"train":{"seed":3,"momentum":0.5}})");
  EXPECT_THROW(set_key(config, "train.seed.x", 1), ConfigError);
}

TEST(RunConfig, DifferingKeysAreNamedInFull) {
  RunConfig one;
  RunConfig other;
  other.train.seed = 5;
  other.model.aspp.rates = {6, 12, 19};
  EXPECT_THAT(
      differing_keys(write_config(one), write_config(other)),
      ElementsAre("model.aspp.rates.2", "train.seed")
  );
}

TEST(EvaluateConfig, NamesTheKeyThatBreaksARule) {
  const auto refusal = [](const std::string& text) {
    return message_of<ConfigError>([&] {
      read_text("{\"evaluate\": " + text + "}").evaluate.inference();
    });
  };
  EXPECT_THAT(refusal(R"({"scales": []})"), HasSubstr("scales is empty"));
  EXPECT_THAT(
      refusal(R"({"scales": [1, 0]})"),
      HasSubstr("evaluate.scales[1] is 0; must be 0.1 to 10")
  );
  EXPECT_THAT(
      refusal(R"({"sizing": "caffe"})"),
      HasSubstr(
          "evaluate.sizing is \"caffe\"; known: centres, tensorflow, pytorch"
      )
  );
  EXPECT_THAT(
      refusal(R"({"window": [513]})"),
      HasSubstr("evaluate.window is [513]; expected [height, width]")
  );
  EXPECT_THAT(
      refusal(R"({"overlap": 1})"), HasSubstr("evaluate.overlap is 1;")
  );
  EXPECT_THAT(
      refusal(R"({"trimap": [0]})"),
      HasSubstr("evaluate.trimap[0] is 0; must be 1 to 999")
  );
}

TEST(Protocols, AreValidWithTheirNetworksAndFollowTheirPapers) {
  for (const auto& protocol : protocols()) {
    const auto config = read_run_config({{"protocol", protocol.name}});
    EXPECT_NO_THROW(validate(config, 21)) << protocol.name;
    const model::DeepLab network(config.model, 21, model::StartWeights::kUnset);
    EXPECT_NO_THROW(engine::trained_parameters(*network, config.train))
        << protocol.name;
    for (const auto& setting : protocol.settings) {
      EXPECT_GT(std::string(setting.source).size(), 1U) << setting.key;
    }
  }
  const auto v2 = read_run_config({{"protocol", "v2"}});
  EXPECT_EQ(v2.train.batch_size / v2.train.accumulate, 5);
  EXPECT_EQ(v2.train.groups.at(0).bias_rate, 20);
  EXPECT_EQ(v2.model.scales.size(), 3U);
  const auto v3 = read_run_config({{"protocol", "v3"}});
  EXPECT_EQ(v3.train.learning_rate, 0.007);
  EXPECT_EQ(v3.train.output_stride, 16);
}

TEST(Protocols, AsAFlagAreNotHiddenByAConfig) {
  const auto& fine = find_protocol("v3-fine");
  const auto refusal = [&](const std::string& text) {
    return message_of<ConfigError>([&] {
      check_not_hidden(fine, parse_json(text, "test"));
    });
  };
  EXPECT_NO_THROW(check_not_hidden(
      fine, parse_json(
                R"({
      "data": {"kind": "voc2012", "root": "x"},
      "train": {"output_stride": 8, "seed": 3},
      "model": {"aspp": {"image_pooling": false}}})",
                "test"
            )
  ));
  EXPECT_NO_THROW(check_not_hidden(
      fine, parse_json(
                R"({"model": {
      "preset": "deeplabv3-resnet101", "auxiliary_weight": 0.4}})",
                "test"
            )
  ));
  EXPECT_THAT(
      refusal(R"({"train": {"output_stride": 16}})"),
      HasSubstr(
          "--protocol v3-fine sets train.output_stride to 8, but the "
          "config changes it to 16; remove that key from the config, or, "
          "to keep its value, write \"protocol\": \"v3-fine\" into the config"
      )
  );
  // A config written by a run contains all keys.
  EXPECT_THAT(
      message_of<ConfigError>([&] {
        check_not_hidden(fine, write_config(RunConfig()));
      }),
      HasSubstr("--protocol v3-fine sets model to")
  );
}

TEST(Protocols, LieBeneathTheConfigAndItsNetwork) {
  const auto config = read_run_config(
      {{"protocol", "v3-fine"},
       {"model", {{"backbone", "resnet50"}}},
       {"train", {{"iterations", 7}}}}
  );
  EXPECT_EQ(config.train.iterations, 7);
  EXPECT_EQ(config.train.batch_norm, "frozen");
  EXPECT_EQ(config.model.backbone, "resnet50");
  EXPECT_EQ(
      config.model.decoder,
      read_run_config({{"protocol", "v3-fine"}}).model.decoder
  );
  EXPECT_THAT(
      message_of<ConfigError>([] {
        read_run_config({{"protocol", "v4"}});
      }),
      HasSubstr("protocol is \"v4\"; known: v1, v2-vgg16, v2, v3")
  );
}

}  // namespace
}  // namespace deeplab::apps
