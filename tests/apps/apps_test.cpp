// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <thread>

#include <opencv2/core.hpp>
#include <torch/types.h>

#include "apps/config/grid.h"
#include "apps/config/protocols.h"
#include "apps/config/run_config.h"
#include "apps/machine/cores.h"
#include "apps/pictures/overlay.h"
#include "apps/report/evaluation_text.h"
#include "apps/report/page.h"
#include "apps/report/results.h"
#include "data/files/image_file.h"
#include "data/tensors.h"
#include "deeplab/core/error.h"
#include "deeplab/engine/optimizer.h"
#include "deeplab/metrics/bootstrap.h"
#include "support/support.h"

namespace deeplab::apps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

TEST(Cores, AreSharedOutWhole) {
  const std::vector<int> cpus{0, 8, 1, 9, 2, 10, 3};
  for (const size_t count : {1, 2, 3, 7}) {
    std::vector<int> all;
    for (size_t index = 0; index < count; ++index) {
      const auto part = part_of(cpus, index, count);
      EXPECT_GE(part.size(), cpus.size() / count);
      all.insert(all.end(), part.begin(), part.end());
    }
    EXPECT_EQ(all, cpus) << count;
  }
  EXPECT_EQ(part_of(cpus, 3, 8), cpus);
}

TEST(Cores, AreThoseThatTheSystemAllows) {
  auto cpus = allowed_cpus();
  EXPECT_EQ(cpus.size(), std::thread::hardware_concurrency());
  std::sort(cpus.begin(), cpus.end());
  EXPECT_EQ(std::unique(cpus.begin(), cpus.end()), cpus.end());
}

TEST(Cores, AQuotaIsTheLeastOfTheGroupAndThoseAroundIt) {
  const testing::TemporaryFolder folder;
  const std::string root = folder / "cgroup";
  EXPECT_FALSE(cpu_quota(root, "/"));
  testing::write_text(root + "/a/cpu.max", "150000 100000\n");
  testing::write_text(root + "/a/b/cpu.max", "max 100000\n");
  EXPECT_FALSE(cpu_quota(root, "/"));
  EXPECT_DOUBLE_EQ(cpu_quota(root, "/a").value(), 1.5);
  EXPECT_DOUBLE_EQ(cpu_quota(root, "/a/b").value(), 1.5);
  testing::write_text(root + "/a/b/cpu.max", "50000 100000\n");
  EXPECT_DOUBLE_EQ(cpu_quota(root, "/a/b").value(), 0.5);
  // Version 1 of control groups has -1 without a limit.
  testing::write_text(root + "/cpu/old/cpu.cfs_quota_us", "200000\n");
  testing::write_text(root + "/cpu/old/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(cpu_quota(root, "/old").value(), 2);
  testing::write_text(root + "/cpu/old/cpu.cfs_quota_us", "-1\n");
  EXPECT_FALSE(cpu_quota(root, "/old"));
}

TEST(AblationGrids, EachOfThePapersHasASmallVersionOnDrawnScenes) {
  int64_t count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("apps/configs/ablations")) {
    const auto path = entry.path().string();
    const auto end = path.find("_small.json");
    if (end == std::string::npos) continue;
    ++count;
    const auto whole = read_grid(path.substr(0, end) + ".json");
    const auto small = read_grid(path);
    EXPECT_EQ(small.paper, whole.paper) << path;
    EXPECT_EQ(small.cells[0].config.data.kind, "synthetic") << path;
    EXPECT_EQ(whole.cells[0].config.data.kind, "voc2012") << path;
  }
  EXPECT_GE(count, 18);
}

class GridFile : public ::testing::Test {
 protected:
  std::vector<Cell> expand(const std::string& text) const {
    testing::write_text(folder_ / "grid.json", text);
    return read_grid(folder_ / "grid.json").cells;
  }
  std::string refusal(const std::string& text) const {
    return message_of<ConfigError>([&] { expand(text); });
  }
  testing::TemporaryFolder folder_;
};

TEST_F(GridFile, CellsThatDifferInEvaluationShareATraining) {
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

TEST_F(GridFile, PresetsAreAnAxisLikeAnyOther) {
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

TEST_F(GridFile, FindsTheTypoInTheLastCell) {
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

TEST_F(GridFile, NamesWhatIsWrongWithItself) {
  EXPECT_THAT(refusal("{}"), HasSubstr("nothing varies; give axes"));
  EXPECT_THAT(
      refusal(R"({"axes": []})"), HasSubstr("axes must be an object of lists")
  );
  EXPECT_THAT(
      refusal(R"({"rows": [{"set": {"train.seed": 1}, "papr": {}}]})"),
      HasSubstr(
          "rows[0]: papr is not a known key (did you mean paper?); known: name, set, paper"
      )
  );
  EXPECT_THAT(
      refusal(R"({"rows": [{"set": {"train.seed": 1},
                            "paper": {"mean_iou": "high"}}]})"),
      HasSubstr("rows[0].paper.mean_iou must be a number")
  );
  EXPECT_THAT(
      refusal(R"({"axes": {"train.seed": [1, 1]}})"),
      HasSubstr("two cells are the same")
  );
  EXPECT_THAT(
      refusal(R"({"axes": {"train.seed": []}})"),
      HasSubstr("axes.train.seed must be a list that is not empty")
  );
  EXPECT_THAT(refusal(R"({"axis": {}})"), HasSubstr("axis is not a known key"));
}

TEST_F(GridFile, TakesItsBaseFromAFileBesideIt) {
  testing::write_text(folder_ / "base.json", R"({"train": {"seed": 9}})");
  const auto cells =
      expand(R"({"base": "base.json", "axes": {"model.decoder": ["none"]}})");
  EXPECT_EQ(cells[0].config.train.seed, 9);
}

TEST_F(GridFile, RowsStandWithEachCombinationOfTheAxes) {
  const auto cells = expand(
      R"({"axes": {"train.seed": [0, 1]},
          "rows": [{"name": "plain", "set": {"model.decoder": "none"},
                    "paper": {"mean_iou": 77.21}},
                   {"name": "ours", "set": {"model.decoder": "v3plus",
                    "evaluate.scales": [0.5, 1], "evaluate.flip": true}}]})"
  );
  ASSERT_EQ(cells.size(), 4U);
  EXPECT_EQ(cells[0].name, "plain");
  EXPECT_EQ(cells[0].paper["mean_iou"], 77.21);
  EXPECT_EQ(cells[1].name, "ours");
  EXPECT_THAT(cells[1].config.evaluate.scales, ElementsAre(0.5, 1));
  EXPECT_EQ(cells[2].config.train.seed, 1);
}

TEST_F(GridFile, LeavesOutWhatIsExcludedAndSaysWhereThatIsNothing) {
  const auto cells = expand(
      R"({"axes": {"model.decoder": ["none", "v3plus"],
          "evaluate.output_stride": [16, 8]},
          "exclude": [{"model.decoder": "none", "evaluate.output_stride": 8}]})"
  );
  EXPECT_EQ(cells.size(), 3U);
  EXPECT_THAT(
      refusal(R"({"axes": {"model.decoder": ["none"]},
                  "exclude": [{"model.decoder": "v3plus"}]})"),
      HasSubstr("exclude[0] {\"model.decoder\":\"v3plus\"} matches no cell")
  );
  EXPECT_THAT(
      refusal(R"({"axes": {"model.decoder": ["none"]},
                  "exclude": [{"model.decoder": "none"}]})"),
      HasSubstr("every cell is excluded")
  );
}

TEST_F(GridFile, ACrfIsAnAxisByNameAndByItsOwnKeys) {
  const auto cells = expand(
      R"({"base": {"evaluate": {"crf": "vgg16"}},
          "axes": {"crf": [null, "resnet101"]}})"
  );
  EXPECT_FALSE(cells[0].config.evaluate.crf);
  EXPECT_EQ(cells[1].config.evaluate.crf->bilateral_xy, 67);
  EXPECT_EQ(cells[0].training_id, cells[1].training_id);
  const auto steps = expand(
      R"({"base": {"evaluate": {"crf": "vgg16"}},
          "axes": {"evaluate.crf.iterations": [1, 10]}})"
  );
  EXPECT_EQ(steps[0].config.evaluate.crf->iterations, 1);
  EXPECT_EQ(steps[0].config.evaluate.crf->bilateral_xy, 49);
  EXPECT_THAT(
      refusal(R"({"axes": {"crf": ["nosuch"]}})"),
      HasSubstr("crf nosuch: no such file; known names: resnet101")
  );
}

TEST_F(GridFile, ALaterPartOfTheBaseChangesTheEarlierKeyByKey) {
  testing::write_text(
      folder_ / "base.json", R"({"model": "torchvision", "train": {"seed": 9}})"
  );
  const auto cells = expand(
      R"({"base": ["base.json", {"model": {"auxiliary_weight": null},
                                 "train": {"iterations": 7}}],
          "axes": {"model.decoder": ["none"]}})"
  );
  EXPECT_EQ(cells[0].config.train.seed, 9);
  EXPECT_EQ(cells[0].config.train.iterations, 7);
  EXPECT_EQ(cells[0].config.model.backbone, "resnet101");
  EXPECT_FALSE(cells[0].config.model.auxiliary_weight);
}

TEST_F(GridFile, RefusesAKeyThatTwoPlacesSetAndOneOfACrfThatIsNotThere) {
  EXPECT_THAT(
      refusal(R"({"axes": {"crf": ["vgg16"]},
                  "rows": [{"set": {"evaluate.crf": "resnet101"}}]})"),
      HasSubstr("evaluate.crf is set by both a row and an axis")
  );
  EXPECT_THAT(
      refusal(R"({"axes": {"crf": [null], "evaluate.crf.iterations": [5]}})"),
      HasSubstr("crf.iterations: crf is null; expected an object")
  );
}

/// Has a grid of two decoders and two seeds, and a log of its results.
class Results : public ::testing::Test {
 protected:
  Results() {
    testing::write_text(
        folder_ / "grid.json",
        R"({"title": "a <b> & c", "paper": "A paper",
            "axes": {"train.seed": [0, 1]},
            "rows": [{"name": "plain", "set": {"model.decoder": "none"},
                      "paper": {"mean_iou": 77.21}},
                     {"name": "x, y", "set": {"model.decoder": "v3plus"}}]})"
    );
    grid_ = read_grid(folder_ / "grid.json");
  }
  std::string path() const { return folder_ / "results.jsonl"; }
  Json line(const Cell& cell, double score) const {
    return {
        {"id", cell.id},
        {"seed", cell.config.train.seed},
        {"evaluation",
         {{"scores", {{"mean_iou", score}, {"pixel_accuracy", 0.9}}}}},
        {"cost", {{"multiply_adds", 2e9}}}};
  }
  /// Returns the table of a log with both seeds of the first row and one of the
  /// second.
  ResultTable table() const {
    ResultsLog log(path());
    log.append(line(grid_.cells[0], 0.5));
    log.append(line(grid_.cells[1], 0.7));
    log.append(line(grid_.cells[2], 0.6));
    log.append({{"id", grid_.cells[3].id}, {"error", "no luck"}});
    return make_table(grid_, log, folder_ / "counts");
  }

  testing::TemporaryFolder folder_;
  Grid grid_;
};

TEST_F(Results, SurviveALineThatAKilledProcessLeftUnfinished) {
  ResultsLog(path()).append(line(grid_.cells[0], 0.5));
  const auto whole = testing::read_text(path());
  testing::write_text(path(), whole + whole.substr(0, whole.size() / 2));
  ResultsLog(path()).append(line(grid_.cells[1], 0.7));
  const ResultsLog log(path());
  EXPECT_TRUE(log.is_done(grid_.cells[0].id));
  EXPECT_TRUE(log.is_done(grid_.cells[1].id));
  EXPECT_FALSE(log.is_done(grid_.cells[2].id));
}

TEST_F(Results, AFailureIsNotDoneAndALaterSuccessCounts) {
  ResultsLog log(path());
  log.append({{"id", grid_.cells[0].id}, {"error", "no luck"}});
  EXPECT_FALSE(log.is_done(grid_.cells[0].id));
  log.append(line(grid_.cells[0], 0.5));
  EXPECT_TRUE(ResultsLog(path()).is_done(grid_.cells[0].id));
}

TEST_F(Results, GroupSeedsIntoMeanAndDeviation) {
  const auto found = table();
  EXPECT_THAT(found.columns, ElementsAre("model.decoder"));
  ASSERT_EQ(found.rows.size(), 2U);
  const auto spread = *found.rows[0].spread(kShownScores[0].pointer);
  EXPECT_DOUBLE_EQ(spread.mean, 0.55);
  EXPECT_NEAR(spread.deviation, 0.0707107, 1e-6);
  EXPECT_THAT(found.rows[1].errors, ElementsAre("no luck"));
  EXPECT_EQ(
      markdown_table(found),
      "| row | model.decoder | mIoU, % | paper: mIoU, % | pixel accuracy, % | "
      "boundary IoU, % | boundary F, % | multiply-adds, 1e9 | paper: "
      "multiply-adds, 1e9 | seeds |\n"
      "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
      "| plain | none | 55.00 ± 7.07 | 77.21 | 90.00 ± 0.00 |  |  | 2.00 |  | "
      "2 |\n"
      "| x, y | v3plus | 70.00 |  | 90.00 |  |  | 2.00 |  | 1 |\n"
      "\nPaper's columns: A paper. The paper used other data and training, so "
      "its values are not directly comparable.\n"
  );
}

TEST_F(Results, TablesForProgramsAreEscaped) {
  const auto found = table();
  EXPECT_THAT(latex_table(found), HasSubstr("model.decoder & mIoU, \\%"));
  EXPECT_THAT(latex_table(found), HasSubstr("55.00 $\\pm$ 7.07"));
  EXPECT_THAT(csv_table(found), HasSubstr("\n\"x, y\",v3plus,0,0.7,0.9,"));
  auto odd = found;
  odd.rows[0].name = "a|b \\ ^ ~";
  EXPECT_THAT(markdown_table(odd), HasSubstr("| a\\|b \\\\ ^ ~ |"));
  EXPECT_THAT(
      latex_table(odd),
      HasSubstr("a|b \\textbackslash{} \\textasciicircum{} \\textasciitilde{} &"
      )
  );
}

TEST_F(Results, PageIsSelfContainedAndEscaped) {
  const cv::Mat photo(12, 16, CV_8UC3, cv::Scalar(9, 9, 9));
  const cv::Mat labels(12, 16, CV_8UC1, cv::Scalar(1));
  Report report;
  report.table = table();
  report.table.rows[0].name = "</script>";
  report.classes = data::make_classes({"sky", "sea"}, {});
  report.masks = {folder_ / "masks", ""};
  report.metrics = {"", ""};
  report.pictures = folder_ / "pictures";
  report.ids = {"x"};
  data::write_image(folder_ / "pictures/x.jpg", photo);
  data::write_mask(folder_ / "pictures/x.png", labels, report.classes);
  data::write_mask(folder_ / "masks/x.png", labels, report.classes);
  const auto page = html_page(report);
  EXPECT_THAT(page, HasSubstr("<title>a &lt;b> &amp; c</title>"));
  EXPECT_THAT(page, HasSubstr("data:image/png;base64,iVBORw0KGgo"));
  EXPECT_THAT(page, HasSubstr("data:image/jpeg;base64,/9j/"));
  EXPECT_THAT(page, HasSubstr("\"name\":\"<\\/script>\""));
  EXPECT_EQ(page.find("src=\"http"), std::string::npos);
  EXPECT_EQ(page.find("href=\"http"), std::string::npos);
  std::filesystem::remove(folder_ / "masks/x.png");
  EXPECT_LT(html_page(report).size(), page.size());
}

TEST(Overlay, ShowsClassColorsAndALegend) {
  const auto classes = data::make_classes({"a", "b"}, {});
  const auto labels = data::to_mask(torch::tensor({{0L, 1L}, {1L, 255L}}));
  EXPECT_EQ(labels.at<uint8_t>(1, 1), 255);
  const auto colors = colorize(labels, classes);
  EXPECT_EQ(colors.at<cv::Vec3b>(0, 1), cv::Vec3b(0, 0, 128));
  EXPECT_EQ(colors.at<cv::Vec3b>(1, 1), cv::Vec3b(192, 224, 224));
  const cv::Mat image(2, 2, CV_8UC3, cv::Scalar(100, 100, 100));
  const auto overlay = draw_overlay(image, labels, classes);
  EXPECT_GT(overlay.cols, 20);
  EXPECT_EQ(overlay.at<cv::Vec3b>(0, 1), cv::Vec3b(50, 50, 114));
}

TEST(EvaluationText, ShowsAbsentClassesAsDashAndNull) {
  metrics::Evaluation evaluation({2, {}, true});
  evaluation.add(
      "x", torch::zeros({2, 2}, torch::kInt64),
      torch::zeros({2, 2}, torch::kInt64)
  );
  const auto table = evaluation_table(evaluation, {"a", "b"});
  EXPECT_THAT(table, ::testing::ContainsRegex("a +100.00 +100.00 +-\n"));
  EXPECT_THAT(table, ::testing::ContainsRegex("b +- +- +-\n"));
  const auto json = evaluation_json(evaluation, {"a", "b"});
  EXPECT_EQ(json["scores"]["class_iou"]["a"], 1);
  EXPECT_TRUE(json["scores"]["class_iou"]["b"].is_null());
}

TEST(
    EvaluationText, WarnsWhereOneClassIsAllThatIsPredictedOrNothingIsLabelled
) {
  metrics::ConfusionMatrix counted(3);
  EXPECT_THAT(
      counts_warning(counted, {"a", "b", "c"}), HasSubstr("every pixel is void")
  );
  counted.add(torch::tensor({0L, 1L, 2L}), torch::tensor({1L, 1L, 1L}));
  EXPECT_THAT(
      counts_warning(counted, {"a", "b", "c"}),
      HasSubstr("every pixel is predicted as b; if this does not change")
  );
  counted.add(torch::tensor({0L}), torch::tensor({0L}));
  EXPECT_EQ(counts_warning(counted, {"a", "b", "c"}), "");
}

TEST(EvaluationText, CountsOfImagesComeBackFromTheirJson) {
  torch::manual_seed(3);
  metrics::Evaluation evaluation({3, {}, true});
  for (const char* name : {"x", "y"}) {
    evaluation.add(
        name, torch::randint(0, 3, {9, 7}), torch::randint(0, 3, {9, 7})
    );
  }
  const auto json = images_json(evaluation.images());
  const auto images = read_images_json(json, 3, "it");
  EXPECT_EQ(images_json(images), json);
  EXPECT_EQ(metrics::compare(evaluation.images(), images, 10, 0).difference, 0);
  EXPECT_THAT(
      [] {
        read_images_json(Json{{"x", {{"7", {1}}}}}, 3, "it");
      },
      ::testing::ThrowsMessage<DataError>(HasSubstr("it: damaged counts"))
  );
}

}  // namespace
}  // namespace deeplab::apps
