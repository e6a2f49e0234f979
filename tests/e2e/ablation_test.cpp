// SPDX-License-Identifier: Apache-2.0
// Tests `ablate` and `compare` as a user runs them, on small synthetic data.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <opencv2/core.hpp>
#include <sys/resource.h>
#include <sys/wait.h>

#include "data/files/image_file.h"
#include "deeplab/core/config_io.h"
#include "deeplab/core/error.h"
#include "deeplab/engine/checkpoint.h"
#include "e2e/program.h"

namespace deeplab {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFourCells =
    R"("axes": {"model.decoder": ["none", "v3plus"],
                "evaluate.output_stride": [16, 8]})";

class Ablate : public Program {
 protected:
  /// Writes a grid whose trainings take a second. `varied` has its axes or
  /// rows.
  void write_grid(const std::string& varied) const {
    testing::write_text(path("grid.json"), R"({
      "base": {
        "model": {"aspp": {"channels": 16, "separable": true},
                  "decoder_options": {"channels": 16, "separable": true}},
        "data": {"synthetic": {"train_images": 8, "val_images": 2,
                               "width": 64, "height": 48}},
        "augment": {"crop": 48},
        "train": {"iterations": 3, "batch_size": 2, "checkpoint_every": 1}},
      )" + varied + "}");
  }
  std::string command(const std::string& out) const {
    return "ablate " + path("grid.json") + " --out " + path(out) +
           " --pictures 1 --threads 1";
  }
  std::string table(const std::string& out) const {
    return testing::read_text(path(out) + "/table.md");
  }
};

TEST_F(Ablate, RunsAGridAndDoesNotRepeatIt) {
  write_grid(kFourCells);
  const auto command =
      "ablate " + path("grid.json") + " --out " + path("out") + " --pictures 1";
  const auto dry = deeplab(command + " --dry-run");
  EXPECT_EQ(dry.code, 0);
  EXPECT_FALSE(std::filesystem::exists(path("out")));
  const auto first = deeplab(command);
  ASSERT_EQ(first.code, 0) << first.output;
  EXPECT_THAT(first.output, HasSubstr("| v3plus | 8 |"));
  const auto results = testing::read_text(path("out/results.jsonl"));
  EXPECT_EQ(std::count(results.begin(), results.end(), '\n'), 4);
  size_t trainings = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(path("out/trainings"))) {
    trainings += entry.is_directory() ? 1 : 0;
  }
  EXPECT_EQ(trainings, 2U);
  EXPECT_THAT(
      testing::read_text(path("out/report.html")),
      HasSubstr("\"label\":\"v3plus / 8\"")
  );
  const auto second = deeplab(command);
  EXPECT_EQ(second.code, 0);
  EXPECT_THAT(second.output, HasSubstr("(done before)"));
  EXPECT_EQ(testing::read_text(path("out/results.jsonl")), results);
}

TEST_F(Ablate, KilledThreeTimesEndsWithTheSameTable) {
  write_grid(kFourCells);
  ASSERT_EQ(deeplab(command("whole")).code, 0);
  // The run is killed in the first training, between two cells, and in the
  // second training.
  const auto killed = path("killed");
  for (const int64_t lines : {0, 1, 2}) {
    const pid_t child = start(command("killed"));
    if (lines > 0) wait_for_lines(killed + "/results.jsonl", lines);
    if (lines == 0) ::usleep(700'000);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    // Otherwise the process had ended before it could be killed.
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  const auto resumed = deeplab(command("killed"));
  ASSERT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_EQ(table("killed"), table("whole"));
}

TEST_F(Ablate, ProcessesSideBySideGiveTheSameTable) {
  write_grid(kFourCells);
  ASSERT_EQ(deeplab(command("one")).code, 0);
  const auto two = deeplab(command("two") + " --jobs 2");
  ASSERT_EQ(two.code, 0) << two.output;
  EXPECT_EQ(table("two"), table("one"));
}

TEST_F(Ablate, ASignalLetsEachProcessFinishItsStepAndSave) {
  // Trainings of a thousand hours, that save only when they are stopped.
  write_grid(R"("axes": {"train.seed": [1, 2, 3],
                         "train.iterations": [100000000],
                         "train.checkpoint_every": [0],
                         "train.validate_every": [0]})");
  for (const int signal : {SIGINT, SIGHUP}) {
    const auto out = path(signal == SIGINT ? "interrupted" : "hung_up");
    const pid_t parent =
        start("ablate " + path("grid.json") + " --out " + out + " --jobs 2");
    std::vector<std::string> trainings;
    while (trainings.size() < 2) {
      trainings.clear();
      std::error_code not_yet;
      for (const auto& entry :
           std::filesystem::directory_iterator(out + "/trainings", not_yet)) {
        trainings.push_back(entry.path());
      }
      ::usleep(100'000);
    }
    for (const auto& training : trainings) {
      wait_for_lines(training + "/metrics.jsonl", 3);
    }
    ::kill(parent, signal);
    int status = 0;
    ::waitpid(parent, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 130);
    for (const auto& training : trainings) {
      const auto log = testing::read_text(training + "/metrics.jsonl");
      EXPECT_EQ(
          engine::load_checkpoint(training + "/last.safetensors").iteration,
          std::count(log.begin(), log.end(), '\n')
      );
    }
    EXPECT_FALSE(std::filesystem::exists(out + "/results.jsonl"));
  }
}

TEST_F(Ablate, RecordsACellThatFailsAndGoesOn) {
  write_grid(R"("rows": [{"name": "bad", "set": {"train.learning_rate": 1e30}},
                         {"name": "good", "set": {}}])");
  const auto finished = deeplab(command("out"));
  EXPECT_EQ(finished.code, 1) << finished.output;
  EXPECT_THAT(finished.output, HasSubstr("error: cell 1: "));
  EXPECT_THAT(finished.output, HasSubstr("error: 1 of 2 cells are not done"));
  EXPECT_THAT(table("out"), HasSubstr("| bad | 1e+30 | failed |"));
  const auto results = testing::read_text(path("out/results.jsonl"));
  EXPECT_THAT(results, HasSubstr("\"error\":\""));
  EXPECT_THAT(results, HasSubstr("\"name\":\"good\""));
}

TEST_F(Ablate, ScoresWithScalesFlipPiecesAndCrfFromOneTraining) {
  write_grid(R"("rows": [
      {"name": "plain", "set": {}},
      {"name": "same", "set": {"evaluate.window": [512, 512]}},
      {"name": "scales", "set": {"evaluate.scales": [0.5, 1],
                                 "evaluate.flip": true}},
      {"name": "pieces", "set": {"evaluate.window": [33, 33]}},
      {"name": "refined", "set": {"crf": "vgg16", "evaluate.trimap": [1, 2]}}])"
  );
  ASSERT_EQ(deeplab(command("out")).code, 0);
  std::map<std::string, Json> results;
  std::istringstream lines(testing::read_text(path("out/results.jsonl")));
  std::set<std::string> trainings;
  for (std::string line; std::getline(lines, line);) {
    const auto json = parse_json(line, "results.jsonl");
    results[json["name"]] = json;
    trainings.insert(json["training"]);
  }
  EXPECT_EQ(trainings.size(), 1U);
  const auto& plain = results["plain"];
  EXPECT_EQ(results["same"]["evaluation"], plain["evaluation"]);
  EXPECT_EQ(
      results["refined"]["before_crf"]["scores"], plain["evaluation"]["scores"]
  );
  EXPECT_EQ(results["refined"]["evaluation"]["trimap_mean_iou"].size(), 2U);
  // The cost is (0.5^2 + 1) * 2 passes, and a little more, because the sizes of
  // feature maps are rounded up.
  const auto adds = [&](const char* name) {
    return results[name]["cost"]["multiply_adds"].get<double>();
  };
  EXPECT_GT(adds("scales") / adds("plain"), 2.5);
  EXPECT_LT(adds("scales") / adds("plain"), 3);
  EXPECT_GT(plain["cost"]["seconds_per_image"].get<double>(), 0);
  EXPECT_GT(plain["cost"]["peak_tensor_bytes"].get<double>(), 1e5);
}

TEST_F(Ablate, CompareTellsTwoRunsApart) {
  write_grid(kFourCells);
  ASSERT_EQ(deeplab(command("out")).code, 0);
  std::string runs;
  for (const auto& entry :
       std::filesystem::directory_iterator(path("out/trainings"))) {
    runs += " " + entry.path().string();
  }
  const auto compared =
      deeplab("compare" + runs + " --pictures 1 --out " + path("compared"));
  ASSERT_EQ(compared.code, 0) << compared.output;
  EXPECT_THAT(compared.output, HasSubstr("points of mean IoU, 95 % interval"));
  EXPECT_THAT(compared.output, HasSubstr("synthetic val_"));
  EXPECT_THAT(
      testing::read_text(path("compared/compare.html")),
      HasSubstr("\"predictions\":[{\"row\":0")
  );
}

/// Runs the program, which must succeed, and returns its peak memory in bytes.
double peak_of(const std::string& words) {
  const pid_t child = start(words + " >/dev/null");
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << words;
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

TEST_F(Ablate, PredictStaysWithinItsMemoryLimit) {
  write_grid(R"("rows": [{"name": "plain", "set": {"train.iterations": 1}}])");
  ASSERT_EQ(deeplab(command("out")).code, 0);
  const auto training =
      std::filesystem::directory_iterator(path("out/trainings"))->path();
  const cv::Mat photo(1024, 1536, CV_8UC3, cv::Scalar(90, 120, 60));
  data::write_image(path("photo.png"), photo);
  const auto words = "predict " + path("photo.png") + " --checkpoint " +
                     (training / "last.safetensors").string() +
                     " --save mask --output-stride 8 --threads 1 --out " +
                     path("masks");
  constexpr double kGib = 1 << 30;
  // The number of threads decides how a convolution is computed and what it
  // takes: the whole image took 0.8 GB with 1, 1.3 with 2 and 0.7 with 4.
  const double limited = peak_of(words + " --memory-limit 0.75");
  EXPECT_LT(limited, 0.75 * kGib);
  // If the limit had no effect, the peak would be the same.
  EXPECT_LT(limited, 0.85 * peak_of(words));
  const auto refused = deeplab(words + " --memory-limit 0.3");
  EXPECT_EQ(refused.code, 3) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("GiB even in pieces of 129x129"));
  const auto hopeless = deeplab(words + " --memory-limit 0.01");
  EXPECT_EQ(hopeless.code, 2) << hopeless.output;
  EXPECT_THAT(
      hopeless.output,
      HasSubstr("--memory-limit is 0.01 GiB; the program and the network "
                "alone take")
  );
}

}  // namespace
}  // namespace deeplab
