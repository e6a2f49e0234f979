// SPDX-License-Identifier: Apache-2.0
// A training that is killed at any moment, with any option, and then resumed
// must end with the same bits as an uninterrupted one.
#include <csignal>
#include <filesystem>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include <fmt/core.h>
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

/// One or several options of a training.
struct ResumeCase {
  const char* name;
  const char* flags;
  int64_t processes = 1;
};

void PrintTo(const ResumeCase& resumed, std::ostream* stream) {
  *stream << resumed.name;
}

/// A run of one case, in one or several processes.
class CaseRun {
 public:
  CaseRun(std::string folder, std::string flags, int64_t processes)
      : folder_(std::move(folder)),
        flags_(std::move(flags)),
        processes_(processes) {}

  void begin() {
    const auto port = processes_ > 1 ? testing::free_port() : 0;
    const bool resumes = std::filesystem::exists(folder_ + "/config.json");
    const auto words = small(folder_, kIterations) + " " + flags_ +
                       (resumes ? " --resume" : "");
    for (int64_t rank = 0; rank < processes_; ++rank) {
      std::string place;
      if (processes_ > 1) {
        place = fmt::format(
            "RANK={} WORLD_SIZE={} MASTER_ADDR=127.0.0.1 MASTER_PORT={} OMP_NUM_THREADS=1",
            rank, processes_, port
        );
      }
      children_.push_back(start(words, place));
    }
  }

  void kill() {
    for (const pid_t child : children_) ::kill(child, SIGKILL);
    end();
  }

  /// Waits until all processes have ended and returns their exit codes.
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
  std::string folder_;
  std::string flags_;
  int64_t processes_;
  std::vector<pid_t> children_;
};

/// Placeholder in the flags for the test's own folder, which has a teacher and
/// a list of hard images.
const std::string kFolder = "FOLDER";

class Resume : public ::testing::TestWithParam<ResumeCase> {
 protected:
  void SetUp() override {
    flags_ = GetParam().flags;
    auto at = flags_.find(kFolder);
    if (at == std::string::npos) return;
    for (; at != std::string::npos; at = flags_.find(kFolder)) {
      flags_.replace(at, kFolder.size(), folder_ / "");
    }
    testing::write_text(folder_ / "hard.txt", "train_2\ntrain_5\n");
    const auto teacher = folder_ / "teacher";
    ASSERT_EQ(deeplab(small(teacher, 1)).code, 0);
    const auto exported = deeplab(
        "export --checkpoint " + teacher + "/last.safetensors --out " +
        folder_ / "teacher.pt"
    );
    ASSERT_EQ(exported.code, 0) << exported.output;
  }

  std::string flags_;
  testing::TemporaryFolder folder_;
};

TEST_P(Resume, EndsWithTheSameBits) {
  const auto whole = folder_ / "whole";
  const auto killed = folder_ / "killed";
  const auto done =
      std::vector<int>(static_cast<size_t>(GetParam().processes), 0);
  CaseRun plain(whole, flags_, GetParam().processes);
  plain.begin();
  ASSERT_EQ(plain.end(), done);

  CaseRun run(killed, flags_, GetParam().processes);
  // The training is killed at a different moment in each run of the test.
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
  const auto starts = Json::parse(testing::read_text(killed + "/run.json"));
  EXPECT_EQ(starts.size(), 2U);
  EXPECT_EQ(starts[0]["processes"], GetParam().processes);
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
            "mined_near_boundaries",
            "--set 'train.loss=[{\"kind\":\"focal\",\"ohem_below\":0.7},"
            "{\"kind\":\"cross_entropy\",\"boundary_weight\":2}]'"},
        ResumeCase{
            "teacher_and_repeated_images",
            "--set train.teacher.file=FOLDER/teacher.pt"
            " --set data.repeat_list=FOLDER/hard.txt --set "
            "data.repeat_times=3"},
        ResumeCase{
            "sides",
            "--set model.auxiliary_weight=0.4"
            " --set model.scales=[0.5,1]"},
        ResumeCase{
            "two_processes", "--batch-size 4 --set train.batch_norm=sync", 2},
        ResumeCase{
            "two_processes_averaged",
            "--batch-size 4 --set train.ema_decay=0.9", 2},
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
  // The unit of ulimit is 512 or 1024 bytes, depending on the shell. A
  // checkpoint has many MiB.
  const auto full = testing::run_shell(
      "ulimit -f 2000; " + kProgram + " " + small(out, kIterations) +
      " --resume"
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
  synthesize(drawn, 8, 2);
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
  // Without intermediate validations, the training continues up to the last
  // validation.
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

TEST_F(Program, GoesOnWhereItsDataHasMoved) {
  const auto drawn = path("drawn");
  synthesize(drawn, 8, 2);
  const auto words = [&](const std::string& out, const std::string& data) {
    return small(out, kIterations) + " --set data.root=" + data +
           " --set data.kind=pascal_voc";
  };
  const auto whole = path("whole");
  const auto out = path("run");
  ASSERT_EQ(deeplab(words(whole, drawn)).code, 0);
  const pid_t child = start(words(out, drawn));
  wait_for_lines(out + "/metrics.jsonl", 4);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto moved = path("moved");
  std::filesystem::rename(drawn, moved);
  const auto resumed = deeplab(words(out, moved) + " --resume");
  ASSERT_EQ(resumed.code, 0) << resumed.output;
  EXPECT_TRUE(
      same_weights(whole + "/last.safetensors", out + "/last.safetensors")
  );
}

TEST_F(Program, TwoTrainingsDoNotShareAFolder) {
  const auto out = path("run");
  const pid_t child = start(small(out, 100000));
  wait_for_lines(out + "/metrics.jsonl", 4);
  const auto second = deeplab(small(out, 1) + " --resume");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(second.code, 2);
  EXPECT_THAT(
      second.output, HasSubstr("run: another process trains in it; wait for it")
  );
}

TEST_F(Program, EventsOfAKilledTrainingLackNoStep) {
  const auto out = path("run");
  const pid_t child = start(small(out, kIterations));
  wait_for_lines(out + "/metrics.jsonl", 4);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ASSERT_EQ(deeplab(small(out, kIterations) + " --resume").code, 0);
  const auto read = testing::run_shell(
      std::string(testing::kPython) + " tests/support/tensorboard_reader.py " +
      out + "/tensorboard"
  );
  ASSERT_EQ(read.code, 0) << read.output;
  std::set<int64_t> steps;
  std::istringstream lines(read.output);
  for (std::string line; std::getline(lines, line);) {
    const auto event = Json::parse(line);
    if (line.find("train/loss") != std::string::npos) {
      steps.insert(event.at("step").get<int64_t>());
    }
  }
  EXPECT_EQ(steps.size(), static_cast<size_t>(kIterations));
}

}  // namespace
}  // namespace deeplab
