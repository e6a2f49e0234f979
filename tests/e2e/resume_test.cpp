// SPDX-License-Identifier: Apache-2.0
// Trainings that are killed, at any moment and with any option, end with the
// bits of one that was not.
#include <csignal>
#include <filesystem>
#include <random>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "deeplab/core/error.h"
#include "deeplab/engine/checkpoint.h"
#include "e2e/program.h"
#include "e2e/same_weights.h"

namespace deeplab {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kIterations = 10;

/// An option, or several, of a training.
struct ResumeCase {
  const char* name;
  const char* flags;
  int64_t processes = 1;
};

void PrintTo(const ResumeCase& resumed, std::ostream* stream) {
  *stream << resumed.name;
}

/// A run of a case: one process or several.
class CaseRun {
 public:
  CaseRun(const ResumeCase& tested, std::string folder)
      : case_(tested), folder_(std::move(folder)) {}

  void begin() {
    const auto port = case_.processes > 1 ? testing::free_port() : 0;
    const auto words = small(folder_, kIterations) + " --resume " + case_.flags;
    for (int64_t rank = 0; rank < case_.processes; ++rank) {
      std::string place;
      if (case_.processes > 1) {
        place =
            str("RANK=",
                rank,
                " WORLD_SIZE=",
                case_.processes,
                " MASTER_ADDR=127.0.0.1 MASTER_PORT=",
                port,
                " OMP_NUM_THREADS=1");
      }
      children_.push_back(start(words, place));
    }
  }

  void kill() {
    for (const pid_t child : children_) ::kill(child, SIGKILL);
    end();
  }

  /// Exit codes, when all have ended.
  std::vector<int> end() {
    std::vector<int> codes;
    for (const pid_t child : children_) {
      int status = 0;
      ::waitpid(child, &status, 0);
      codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }
    children_.clear();
    return codes;
  }

 private:
  ResumeCase case_;
  std::string folder_;
  std::vector<pid_t> children_;
};

class Resume : public ::testing::TestWithParam<ResumeCase> {
 protected:
  testing::TemporaryFolder folder_;
};

TEST_P(Resume, EndsWithTheSameBits) {
  const auto whole = folder_ / "whole";
  const auto killed = folder_ / "killed";
  const auto done =
      std::vector<int>(static_cast<size_t>(GetParam().processes), 0);
  CaseRun plain(GetParam(), whole);
  plain.begin();
  ASSERT_EQ(plain.end(), done);

  CaseRun run(GetParam(), killed);
  // The moment is another in each run of the test.
  std::random_device random;
  run.begin();
  const auto lines = 1 + static_cast<int64_t>(random() % kIterations);
  wait_for_lines(killed + "/metrics.jsonl", lines);
  std::this_thread::sleep_for(std::chrono::milliseconds(random() % 100));
  run.kill();
  run.begin();
  ASSERT_EQ(run.end(), done);
  for (const std::string file : {"/last.safetensors", "/best.safetensors"}) {
    EXPECT_TRUE(same_weights(whole + file, killed + file)) << file;
  }
  EXPECT_EQ(
      timeless(testing::read_text(whole + "/metrics.jsonl")),
      timeless(testing::read_text(killed + "/metrics.jsonl"))
  );
  const auto sittings = Json::parse(testing::read_text(killed + "/run.json"));
  EXPECT_EQ(sittings.size(), 2U);
  EXPECT_EQ(sittings[0]["processes"], GetParam().processes);
}

INSTANTIATE_TEST_SUITE_P(
    Options,
    Resume,
    ::testing::Values(
        ResumeCase{"plain", "--workers 0 --threads 2"},
        ResumeCase{
            "workers_and_varied_crops",
            "--workers 3 --set augment.crop_tries=4 --set "
            "augment.contrast=0.3"},
        ResumeCase{"averaged", "--set train.ema_decay=0.9"},
        ResumeCase{"accumulated", "--batch-size 4 --set train.accumulate=2"},
        ResumeCase{"bfloat16", "--set train.precision=bfloat16 --threads 2"},
        ResumeCase{
            "adamw_cosine_warmup",
            "--set train.optimizer=adamw --set train.schedule=cosine"
            " --set train.warmup_iterations=4"},
        ResumeCase{
            "adam_one_cycle_clipped",
            "--set train.optimizer=adam --set train.schedule=one_cycle"
            " --set train.clip_gradient_norm=0.5"},
        ResumeCase{
            "nesterov_steps_slow_start",
            "--set train.nesterov=true --set train.schedule=step"
            " --set train.step_every=3 --set train.slow_start_iterations=2"},
        ResumeCase{"frozen_norms", "--set train.batch_norm=frozen"},
        ResumeCase{
            "group_norm",
            "--set model.norm=group --set train.precision=bfloat16"},
        ResumeCase{"recomputed", "--set train.recompute=true"},
        ResumeCase{
            "summed_losses",
            "--set 'train.loss=[{\"kind\":\"cross_entropy\",\"hard_share\":0.5,"
            "\"hard_ramp\":6},{\"kind\":\"lovasz\"},{\"kind\":\"dice\","
            "\"weight\":0.5}]'"},
        ResumeCase{
            "sides",
            "--set model.auxiliary_weight=0.4"
            " --set model.scales=[0.5,1]"},
        ResumeCase{
            "two_processes", "--batch-size 4 --set train.batch_norm=sync", 2},
        ResumeCase{
            "two_processes_averaged",
            "--batch-size 4 --set train.ema_decay=0.9",
            2},
        ResumeCase{
            "two_processes_and_all",
            "--batch-size 8 --set train.accumulate=2 --workers 2"
            " --set train.ema_decay=0.9 --set train.precision=bfloat16"
            " --set train.recompute=true --set train.optimizer=adamw",
            2}
    ),
    [](const auto& tested) { return std::string(tested.param.name); }
);

TEST_F(Program, AFullDiskLeavesTheOldCheckpoint) {
  const auto whole = path("whole");
  const auto out = path("run");
  ASSERT_EQ(deeplab(small(whole, kIterations)).code, 0);
  const pid_t child = start(small(out, kIterations));
  wait_for_lines(out + "/metrics.jsonl", 4);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto last = out + "/last.safetensors";
  const auto before = testing::read_text(last);
  // A shell's unit is 512 or 1024 bytes; a checkpoint has many MiB.
  const auto full = testing::run_shell(
      "trap '' XFSZ; ulimit -f 2000; " + kProgram + " " +
      small(out, kIterations) + " --resume"
  );
  EXPECT_EQ(full.code, 3) << full.output;
  EXPECT_THAT(full.output, HasSubstr("last.safetensors"));
  EXPECT_EQ(testing::read_text(last), before);
  ASSERT_EQ(deeplab(small(out, kIterations) + " --resume").code, 0);
  EXPECT_TRUE(same_weights(whole + "/last.safetensors", last));
}

TEST_F(Program, ABrokenValidationPhotoCostsNoStep) {
  const auto drawn = path("drawn");
  const auto photo = drawn + "/JPEGImages/val_1.jpg";
  ASSERT_EQ(
      deeplab(
          "data synthesize " + drawn +
          " --set data.synthetic.train_images=8"
          " --set data.synthetic.val_images=2"
      )
          .code,
      0
  );
  const auto words = [&](const std::string& out) {
    return small(out, kIterations) + " --set data.root=" + drawn +
           " --set data.kind=pascal_voc --set train.checkpoint_every=0";
  };
  const auto whole = path("whole");
  const auto out = path("run");
  ASSERT_EQ(deeplab(words(whole)).code, 0);

  const auto bytes = testing::read_text(photo);
  testing::write_text(photo, bytes.substr(0, bytes.size() / 2));
  const auto failed = deeplab(words(out));
  EXPECT_EQ(failed.code, 3) << failed.output;
  EXPECT_THAT(failed.output, HasSubstr("val_1.jpg"));
  // Without validations it goes on, but for the last.
  const auto other = path("other");
  std::filesystem::copy(out, other, std::filesystem::copy_options::recursive);
  const auto blind =
      deeplab(words(other) + " --resume --set train.validate_every=0");
  EXPECT_EQ(blind.code, 3) << blind.output;
  EXPECT_EQ(
      engine::load_checkpoint(other + "/last.safetensors").iteration,
      kIterations
  );

  testing::write_text(photo, bytes);
  const auto resumed = deeplab(words(out) + " --resume");
  ASSERT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_THAT(resumed.output, HasSubstr("resumed at iteration 7"));
  for (const std::string file : {"/last.safetensors", "/best.safetensors"}) {
    EXPECT_TRUE(same_weights(whole + file, out + file)) << file;
  }
  EXPECT_EQ(
      timeless(testing::read_text(whole + "/metrics.jsonl")),
      timeless(testing::read_text(out + "/metrics.jsonl"))
  );
}

TEST_F(Program, TensorboardReadsWhatATrainingWrites) {
  const auto out = path("run");
  const auto trained = deeplab(
      small(out, 3) +
      " --set log.histograms=true --set log.images=1"
      " --set train.clip_gradient_norm=1"
  );
  ASSERT_EQ(trained.code, 0) << trained.output;
  const auto read = testing::run_shell(
      std::string(testing::kPython) + " tests/support/tensorboard_reader.py " +
      out + "/tensorboard"
  );
  ASSERT_EQ(read.code, 0) << read.output;
  for (const char* tag :
       {"train/loss",
        "train/learning_rate",
        "train/gradient_norm",
        "validation/mean_iou",
        "validation/val_0",
        "weights/classifier.weight"}) {
    EXPECT_THAT(read.output, HasSubstr(str('"', tag, '"')));
  }
}

TEST_F(Program, EvaluatesTheAveragesThatItValidated) {
  const auto run = path("run");
  ASSERT_EQ(deeplab(small(run, 7) + " --set train.ema_decay=0.9").code, 0);
  const auto evaluated = deeplab(
      "evaluate --checkpoint " + run + "/last.safetensors --json " +
      path("scores.json")
  );
  ASSERT_EQ(evaluated.code, 0) << evaluated.output;
  const auto scores = Json::parse(testing::read_text(path("scores.json")));
  const auto lines = timeless(testing::read_text(run + "/metrics.jsonl"));
  EXPECT_EQ(
      scores["scores"]["mean_iou"], lines.back()["validation"]["mean_iou"]
  );
}

TEST_F(Program, AProtocolIsBeneathTheConfig) {
  const auto printed = deeplab("describe --protocol v3-fine");
  EXPECT_EQ(printed.code, 0);
  EXPECT_THAT(printed.output, HasSubstr("train.batch_norm"));
  const auto out = path("run");
  const auto trained = deeplab(
      small(out, 1) +
      " --protocol v3 --set model.preset=deeplabv3plus-"
      "mobilenetv2"
  );
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_THAT(
      trained.output, HasSubstr("warning: batch norm sees 2 images at a time")
  );
  const auto config = Json::parse(testing::read_text(out + "/config.json"));
  EXPECT_EQ(config["train"]["learning_rate"], 0.007);
  EXPECT_EQ(config["train"]["batch_norm_momentum"], 0.0003);
  EXPECT_EQ(config["train"]["batch_size"], 2);
  EXPECT_EQ(config["model"]["backbone"], "mobilenet_v2");
}

}  // namespace
}  // namespace deeplab
