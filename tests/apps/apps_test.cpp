// SPDX-License-Identifier: Apache-2.0
#include <opencv2/core.hpp>
#include <torch/torch.h>

#include "apps/grid.h"
#include "apps/overlay.h"
#include "apps/report.h"
#include "apps/run_config.h"
#include "apps/scores_text.h"
#include "data/image_file.h"
#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::apps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

TEST(RunConfig, EveryFileOfConfigsIsReadAndValid) {
  int64_t count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("apps/configs")) {
    const auto path = entry.path().string();
    if (path.find("grid") != std::string::npos) {
      EXPECT_FALSE(expand_grid(path).empty()) << path;
    } else {
      const auto config =
          read_run_config(parse_json(testing::read_text(path), path));
      EXPECT_NO_THROW(
          validate(config, static_cast<int64_t>(config.data.classes.size()))
      ) << path;
    }
    ++count;
  }
  EXPECT_GT(count, 2);
}

TEST(RunConfig, ReadsBackWhatItWrites) {
  RunConfig config;
  config.model.backbone = "resnet50";
  config.evaluate.output_stride = 8;
  config.data.colors = {{1, 2, 3}, {4, 5, 6}};
  const auto json = write_config(config);
  EXPECT_EQ(write_config(read_config<RunConfig>(json, "")), json);
}

RunConfig read_text(const std::string& text) {
  return read_run_config(parse_json(text, "test"));
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
  // What a run writes back needs no preset.
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

class Grid : public ::testing::Test {
 protected:
  std::vector<Cell> expand(const std::string& text) const {
    testing::write_text(folder_ / "grid.json", text);
    return expand_grid(folder_ / "grid.json");
  }
  std::string refusal(const std::string& text) const {
    return message_of<ConfigError>([&] { expand(text); });
  }
  testing::TemporaryFolder folder_;
};

TEST_F(Grid, CellsThatDifferInEvaluationShareATraining) {
  const auto cells = expand(
      R"({"axes": {"model.decoder": ["none", "v3plus"],
          "evaluate.output_stride": [16, 8]}})"
  );
  ASSERT_EQ(cells.size(), 4U);
  EXPECT_EQ(cells[0].training_id, cells[1].training_id);
  EXPECT_NE(cells[1].training_id, cells[2].training_id);
  EXPECT_NE(cells[0].id, cells[1].id);
  EXPECT_EQ(cells[3].config.model.decoder, "v3plus");
  EXPECT_EQ(cells[3].config.evaluate_stride(), OutputStride::k8);
}

TEST_F(Grid, PresetsAreAnAxisLikeAnyOther) {
  const auto cells = expand(
      R"({"axes": {"model": ["unet-resnet34", "deeplabv3plus-mobilenetv2"],
          "model.decoder": ["none", "v3plus"]}})"
  );
  ASSERT_EQ(cells.size(), 4U);
  EXPECT_EQ(cells[0].config.model.backbone, "resnet34");
  EXPECT_EQ(cells[0].config.model.decoder, "none");
  EXPECT_EQ(cells[3].config.model.backbone, "mobilenet_v2");
  EXPECT_EQ(cells[3].config.model.decoder, "v3plus");
}

TEST_F(Grid, FindsTheTypoInTheLastCell) {
  EXPECT_THAT(
      refusal(R"({"axes": {"model.decoder": ["none", "v3+"]}})"),
      HasSubstr("grid.json: model.decoder is \"v3+\"; known: none, v3plus")
  );
  EXPECT_THAT(
      refusal(R"({"axes": {"model.decodr": ["none"]}})"),
      HasSubstr("model.decodr is not a known key")
  );
  EXPECT_THAT(
      refusal(R"({"axes": {"evaluate.output_stride": [16, 12]}})"),
      HasSubstr("evaluate.output_stride is 12")
  );
}

TEST_F(Grid, NamesWhatIsWrongWithItself) {
  EXPECT_THAT(refusal("{}"), HasSubstr("axes must be an object of lists"));
  EXPECT_THAT(
      refusal(R"({"axes": {"train.seed": []}})"),
      HasSubstr("axes.train.seed must be a list that is not empty")
  );
  EXPECT_THAT(refusal(R"({"axis": {}})"), HasSubstr("axis is not a known key"));
}

TEST_F(Grid, TakesItsBaseFromAFileBesideIt) {
  testing::write_text(folder_ / "base.json", R"({"train": {"seed": 9}})");
  const auto cells =
      expand(R"({"base": "base.json", "axes": {"model.decoder": ["none"]}})");
  EXPECT_EQ(cells[0].config.train.seed, 9);
}

Json result(const char* decoder, int64_t seed, double score) {
  return {
      {"axes", {{"model.decoder", decoder}, {"train.seed", seed}}},
      {"masks", "m"},
      {"scores", {{"mean_iou", score}, {"pixel_accuracy", 0.9}}}};
}

TEST(Report, GroupsSeedsIntoMeanAndDeviation) {
  Report report;
  report.rows = group_rows(
      {result("none", 0, 0.5),
       result("none", 1, 0.6),
       result("v3plus", 0, 0.7)},
      report.axes
  );
  EXPECT_THAT(report.axes, ElementsAre("model.decoder"));
  ASSERT_EQ(report.rows.size(), 2U);
  EXPECT_DOUBLE_EQ(report.rows[0].mean(), 0.55);
  EXPECT_NEAR(report.rows[0].deviation(), 0.0707107, 1e-6);
  EXPECT_EQ(report.rows[1].deviation(), 0);
  EXPECT_EQ(
      markdown_table(report),
      "| model.decoder | mIoU, % | pixel accuracy, % | seeds |\n"
      "| --- | ---: | ---: | ---: |\n"
      "| none | 55.00 ± 7.07 | 90.00 | 2 |\n"
      "| v3plus | 70.00 | 90.00 | 1 |\n"
  );
}

TEST(Report, PageIsSelfContainedAndEscaped) {
  const testing::TemporaryFolder folder;
  const cv::Mat photo(12, 16, CV_8UC3, cv::Scalar(9, 9, 9));
  const cv::Mat labels(12, 16, CV_8UC1, cv::Scalar(1));
  Report report;
  report.title = "a <b> & c";
  report.classes = data::make_classes({"sky", "sea"}, {});
  report.rows = group_rows({result("none", 0, 0.5)}, report.axes);
  report.rows[0].masks = folder / "masks";
  report.pictures = folder / "pictures";
  report.ids = {"x"};
  data::write_image(folder / "pictures/x.jpg", photo);
  data::write_mask(folder / "pictures/x.png", labels, report.classes);
  data::write_mask(folder / "masks/x.png", labels, report.classes);
  const auto page = html_page(report);
  EXPECT_THAT(page, HasSubstr("a &lt;b&gt; &amp; c"));
  EXPECT_THAT(page, HasSubstr("data:image/png;base64,iVBORw0KGgo"));
  EXPECT_EQ(page.find("http"), std::string::npos);
  std::filesystem::remove(folder / "masks/x.png");
  EXPECT_LT(html_page(report).size(), page.size());
}

TEST(Overlay, ShowsClassColorsAndALegend) {
  const auto classes = data::make_classes({"a", "b"}, {});
  const auto labels = to_mask(torch::tensor({{0L, 1L}, {1L, 255L}}));
  EXPECT_EQ(labels.at<uint8_t>(1, 1), 255);
  const auto colors = colorize(labels, classes);
  EXPECT_EQ(colors.at<cv::Vec3b>(0, 1), cv::Vec3b(0, 0, 128));
  EXPECT_EQ(colors.at<cv::Vec3b>(1, 1), cv::Vec3b(192, 224, 224));
  const cv::Mat image(2, 2, CV_8UC3, cv::Scalar(100, 100, 100));
  const auto overlay = draw_overlay(image, labels, classes);
  EXPECT_GT(overlay.cols, 20);
  EXPECT_EQ(overlay.at<cv::Vec3b>(0, 1), cv::Vec3b(50, 50, 114));
}

TEST(ScoresText, ShowsAbsentClassesAsDashAndNull) {
  engine::Scores scores;
  scores.class_iou = {0.5, std::nullopt};
  scores.mean_iou = 0.5;
  EXPECT_THAT(scores_table(scores, {"a", "b"}), HasSubstr("50.00"));
  EXPECT_THAT(
      scores_table(scores, {"a", "b"}), ::testing::ContainsRegex("b +-\n")
  );
  const auto json = scores_json(scores, {"a", "b"});
  EXPECT_EQ(json["class_iou"]["a"], 0.5);
  EXPECT_TRUE(json["class_iou"]["b"].is_null());
}

}  // namespace
}  // namespace deeplab::apps
