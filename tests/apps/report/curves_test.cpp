// SPDX-License-Identifier: Apache-2.0
#include "apps/report/curves.h"

#include "apps/cli/verbs.h"
#include "deeplab/core/error.h"
#include "support/support.h"

namespace deeplab::apps {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Pointwise;
using ::testing::SizeIs;

std::vector<double> values_of(const Curve& curve) {
  std::vector<double> values;
  for (const auto& point : curve) values.push_back(point.value);
  return values;
}

constexpr const char* kMetrics =
    R"({"iteration":1,"loss":2,"learning_rate":0.5,"seconds":1}
{"iteration":2,"loss":4,"learning_rate":0.25,"seconds":1}
{"iteration":2,"validation":{"mean_iou":0.5,"pixel_accuracy":0.75,"class_iou":{"sky":0.5,"sea":null}}}
)";

class Curves : public ::testing::Test {
 protected:
  /// Returns the folder of a run whose metrics.jsonl has these lines.
  std::string run(
      const std::string& name,
      const std::string& metrics,
      const std::string& config
  ) const {
    testing::write_text(folder_ / (name + "/metrics.jsonl"), metrics);
    if (!config.empty()) {
      testing::write_text(folder_ / (name + "/config.json"), config);
    }
    return folder_ / name;
  }
  RunCurves read(const std::string& metrics) const {
    return read_runs({run("a", metrics, "")}).at(0);
  }
  std::string refusal(const std::string& metrics) const {
    return message_of<DataError>([&] { read(metrics); });
  }

  testing::TemporaryFolder folder_;
};

TEST_F(Curves, AreReadFromTheLinesOfARun) {
  const auto found = read(kMetrics);
  EXPECT_EQ(found.name, "a");
  EXPECT_THAT(values_of(found.loss), ElementsAre(2, 4));
  EXPECT_EQ(found.loss[1].iteration, 2);
  EXPECT_THAT(values_of(found.learning_rate), ElementsAre(0.5, 0.25));
  EXPECT_THAT(values_of(found.mean_iou), ElementsAre(0.5));
  EXPECT_THAT(values_of(found.pixel_accuracy), ElementsAre(0.75));
  EXPECT_EQ(found.last_validation["iteration"], 2);
  EXPECT_TRUE(found.config.is_null());
}

TEST_F(Curves, PassOverALastLineThatAKilledRunLeftUnfinished) {
  const std::string whole = kMetrics;
  EXPECT_THAT(read(whole + R"({"iteration":3,"lo)").loss, SizeIs(2));
  EXPECT_THAT(read(whole + R"({"iteration":3,"loss":1})").loss, SizeIs(3));
}

TEST_F(Curves, LeaveOutALossThatIsNotFinite) {
  EXPECT_THAT(
      values_of(
          read("{\"iteration\":1,\"loss\":null}\n" + std::string(kMetrics)).loss
      ),
      ElementsAre(2, 4)
  );
}

TEST_F(Curves, NameFileAndLineOfWhatIsDamaged) {
  const std::string first = "{\"iteration\":1,\"loss\":2}\n";
  const auto path = (folder_ / "a") + "/metrics.jsonl: ";
  EXPECT_EQ(
      refusal(first + "{\"iteration\":2,\n" + first),
      path + "line 2: not a JSON object as written by deeplab train"
  );
  EXPECT_EQ(
      refusal(first + first + "{\"iteration\":2.5}\n"),
      path + "line 3: iteration must be a whole number"
  );
  EXPECT_EQ(
      refusal("{\"iteration\":1,\"loss\":\"low\"}\n"),
      path + "line 1: loss is \"low\"; must be a number"
  );
  EXPECT_EQ(
      refusal(first + "{\"iteration\":1,\"validation\":3}\n"),
      path + "line 2: validation must be an object"
  );
  EXPECT_THAT(
      refusal("{\"iteration\":1,\"validation\":{\"class_iou\":[]}}\n"),
      HasSubstr("validation.class_iou must hold a number for each class")
  );
}

TEST_F(Curves, NameWhatIsNotThere) {
  EXPECT_EQ(
      message_of<DataError>([] { read_runs({"/none"}); }),
      "/none: no such folder"
  );
  EXPECT_THAT(
      message_of<DataError>([&] { read_runs({folder_.path()}); }),
      HasSubstr(": holds no metrics.jsonl; name a folder that deeplab train")
  );
  EXPECT_THAT(
      refusal(""), HasSubstr("metrics.jsonl: contains no iteration yet")
  );
}

TEST_F(Curves, AreNamedByTheirFoldersWhereThatTellsThemApart) {
  const auto a = run("x/a", kMetrics, "");
  const auto b = run("x/b", kMetrics, "");
  const auto other = run("y/a", kMetrics, "");
  const auto runs = read_runs({a + "/", b});
  EXPECT_EQ(runs[0].name, "a");
  EXPECT_EQ(runs[1].name, "b");
  EXPECT_EQ(read_runs({a, other})[1].name, other);
}

TEST(Smoothing, IsTheMeanWithWeightsThatFall) {
  const Curve curve{{1, 1}, {2, 3}, {3, 5}};
  // The weighted means are 1, (1/2 + 3) / (3/2) and (1/4 + 3/2 + 5) / (7/4).
  EXPECT_THAT(
      values_of(smoothed(curve, 0.5)),
      Pointwise(DoubleEq(), std::vector<double>{1.0, 7.0 / 3, 27.0 / 7})
  );
  EXPECT_THAT(values_of(smoothed(curve, 0)), ElementsAre(1, 3, 5));
}

TEST(Thinning, KeepsTheEndsAndThePeaks) {
  Curve curve;
  for (int64_t i = 0; i < 1000; ++i) {
    curve.push_back({i, static_cast<double>(i % 7)});
  }
  curve[777].value = -50;
  curve[123].value = 90;
  const auto few = thinned(curve, 40);
  EXPECT_LE(few.size(), 40U);
  EXPECT_GE(few.size(), 38U);
  EXPECT_EQ(few.front().iteration, 0);
  EXPECT_EQ(few.back().iteration, 999);
  int64_t found = 0;
  for (size_t i = 1; i < few.size(); ++i) {
    EXPECT_GE(few[i].iteration, few[i - 1].iteration);
    if (few[i].iteration == 777 || few[i].iteration == 123) ++found;
  }
  EXPECT_EQ(found, 2);
  EXPECT_THAT(thinned(curve, 1000), SizeIs(1000));
}

TEST_F(Curves, TellWhereConfigsDifferListsAsWholes) {
  const auto runs = read_runs(
      {run("a", kMetrics, R"({"train":{"seed":0,"x":1},"rates":[6,12]})"),
       run("b", kMetrics, ""),
       run("c", kMetrics, R"({"train":{"seed":1,"x":1},"rates":[6,12,18]})"),
       run("d", kMetrics, R"({"train":{"seed":0,"x":1},"rates":[6,12],
                              "name":"plain"})")}
  );
  const auto differing = differing_settings(runs);
  ASSERT_THAT(differing, SizeIs(3));
  EXPECT_EQ(differing[0].key, "name");
  EXPECT_THAT(differing[0].values, ElementsAre("-", "-", "-", "plain"));
  EXPECT_EQ(differing[1].key, "rates");
  EXPECT_THAT(
      differing[1].values, ElementsAre("[6,12]", "-", "[6,12,18]", "[6,12]")
  );
  EXPECT_EQ(differing[2].key, "train.seed");
}

TEST_F(Curves, ArePlottedAsAPage) {
  const auto a = run("a", kMetrics, "");
  const auto page = folder_ / "new/plot.html";
  EXPECT_EQ(plot({a, "--out", page, "--smooth", "0.5"}), 0);
  const auto text = testing::read_text(page);
  EXPECT_THAT(text, HasSubstr("<title>Training curves</title>"));
  EXPECT_THAT(text, HasSubstr("\"smoothed_loss\":[[1,2.0],[2,3.33"));
}

TEST_F(Curves, AreDrawnOfASingleStepAndOfEqualValues) {
  const auto one = run("a", "{\"iteration\":1,\"loss\":0}\n", "");
  EXPECT_EQ(plot({one, "--out", folder_ / "a.html"}), 0);
  std::string equal;
  for (int i = 1; i <= 50; ++i) {
    equal += "{\"iteration\":" + std::to_string(i) + ",\"loss\":1e300}\n";
  }
  EXPECT_EQ(plot({run("b", equal, ""), one, "--out", folder_ / "b.html"}), 0);
}

TEST_F(Curves, RefuseWordsThatMakeNoPlot) {
  const auto a = run("a", kMetrics, "");
  const auto refused = [](const Arguments& words) {
    return message_of<ConfigError>([&] { plot(words); });
  };
  EXPECT_EQ(
      refused({"--out", "x.png"}),
      "no runs; name folders that deeplab train wrote"
  );
  EXPECT_EQ(refused({a}), "--out is not given; name a .html file");
  EXPECT_EQ(
      refused({a, "--out", "x.pdf"}),
      "--out is x.pdf; must end in .html (a browser can print the page as a picture)"
  );
  EXPECT_EQ(
      refused({a, "--out", "x.html", "--smooth", "1"}),
      "--smooth is 1; must be in 0..0.999"
  );
}

}  // namespace
}  // namespace deeplab::apps
