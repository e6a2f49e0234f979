// SPDX-License-Identifier: Apache-2.0
// Tests the program in several processes.
#include <csignal>
#include <filesystem>
#include <thread>

#include <fmt/core.h>
#include <sys/wait.h>
#include <torch/cuda.h>
#include <unistd.h>

#include "deeplab/core/error.h"
#include "deeplab/engine/checkpoint.h"
#include "deeplab/engine/process_group.h"
#include "e2e/program.h"

namespace deeplab {
namespace {

using ::testing::HasSubstr;

std::string place_of(int64_t rank, int64_t port) {
  return fmt::format(
      "RANK={} WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT={} OMP_NUM_THREADS=1 ",
      rank, port
  );
}

/// Returns the flags of a training whose two steps are the same, except for
/// rounding, for any number of processes.
std::string comparable(const std::string& out) {
  return small(out, 2) +
         " --batch-size 4 --set train.batch_norm=sync"
         " --set model.aspp.dropout=0 --set "
         "model.decoder_options.dropout=[0,0] --set train.learning_rate=0.1"
         " --set train.deterministic=true ";
}

std::vector<double> losses(const std::string& out) {
  std::vector<double> of_steps;
  for (const auto& line :
       timeless(testing::read_text(out + "/metrics.jsonl"))) {
    if (line.contains("loss")) of_steps.push_back(line["loss"]);
  }
  return of_steps;
}

void expect_same_losses(
    const std::vector<double>& one, const std::vector<double>& two
) {
  ASSERT_EQ(one.size(), 2U);
  ASSERT_EQ(two.size(), 2U);
  // The second loss depends on the first step, which lowers it by 0.05. Later
  // losses would differ by amplified rounding.
  EXPECT_NEAR(two[0], one[0], 1e-3);
  EXPECT_NEAR(two[1], one[1], 1e-3);
  EXPECT_LT(one[1], one[0] - 0.03);
}

/// The device of the trainings, and the host name that each process gets.
struct Place {
  const char* name;
  const char* flags;
  /// NCCL assumes that processes on different hosts have different GPUs, so
  /// processes that share a GPU get different host names.
  const char* host = nullptr;
};

void PrintTo(const Place& place, std::ostream* stream) {
  *stream << place.name;
}

class Processes : public ::testing::TestWithParam<Place> {
 protected:
  void SetUp() override {
    const auto place = GetParam();
    if (place.flags != std::string("") && !torch::cuda::is_available()) {
      GTEST_SKIP() << "no CUDA device";
    }
    if (place.host != nullptr && !engine::ProcessGroup::has_nccl())
      GTEST_SKIP() << "no NCCL";
  }
  std::string variables(int64_t rank, int64_t port) const {
    const char* host = GetParam().host;
    if (host == nullptr) return place_of(rank, port);
    return place_of(rank, port) +
           fmt::format("NCCL_HOSTID={}{} NCCL_SOCKET_IFNAME=lo ", host, rank);
  }
  testing::TemporaryFolder folder_;
};

TEST_P(Processes, TwoTrainAsOneDoesWithTheWholeBatch) {
  const auto words = [&](const std::string& out) {
    return comparable(folder_ / out) + GetParam().flags;
  };
  const auto alone = deeplab(words("one"));
  ASSERT_EQ(alone.code, 0) << alone.output;
  const auto port = testing::free_port();
  const pid_t other = start(words("two"), variables(1, port));
  const auto first =
      testing::run_shell(variables(0, port) + kProgram + " " + words("two"));
  int status = 0;
  ::waitpid(other, &status, 0);
  ASSERT_EQ(status, 0);
  ASSERT_EQ(first.code, 0) << first.output;
  expect_same_losses(losses(folder_ / "one"), losses(folder_ / "two"));
}

INSTANTIATE_TEST_SUITE_P(
    Places,
    Processes,
    ::testing::Values(
        Place{"cpu", ""},
        Place{"one_gpu", "--device cuda:0"},
        Place{"gpus_over_nccl", "--device cuda:0", "host"}
    ),
    [](const auto& tested) { return std::string(tested.param.name); }
);

TEST_F(Program, ADeadProcessEndsTheTrainingWithItsName) {
  const auto out = path("run");
  const auto port = testing::free_port();
  const auto words = small(out, 100000) + " --batch-size 4";
  const pid_t other = start(words, place_of(1, port));
  std::thread killer([&] {
    wait_for_lines(out + "/metrics.jsonl", 4);
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
  });
  const auto first =
      testing::run_shell(place_of(0, port) + kProgram + " " + words);
  killer.join();
  EXPECT_EQ(first.code, 1);
  EXPECT_THAT(
      first.output,
      HasSubstr("error: process 1 of 2 has ended or does not answer")
  );
  EXPECT_GE(engine::load_checkpoint(out + "/last.safetensors").iteration, 3);
}

/// Returns the CPUs that a process may run on, e.g. "0-3".
std::string cpus_of(pid_t process) {
  const auto status =
      testing::read_text(fmt::format("/proc/{}/status", process));
  const std::string name = "Cpus_allowed_list:";
  const auto at = status.find(name) + name.size();
  return status.substr(at, status.find('\n', at) - at);
}

TEST_F(Program, ProcessesKeepToCpusOfTheirOwn) {
  if (std::thread::hardware_concurrency() < 2) {
    GTEST_SKIP() << "one CPU is all there is";
  }
  const auto out = path("run");
  const auto port = testing::free_port();
  const auto words = small(out, 100000) + " --batch-size 4";
  const pid_t one = start(words, place_of(0, port));
  const pid_t two = start(words, place_of(1, port));
  wait_for_lines(out + "/metrics.jsonl", 2);
  const auto of_one = cpus_of(one);
  const auto of_two = cpus_of(two);
  for (const pid_t process : {one, two}) {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }
  EXPECT_NE(of_one, of_two);
  const auto everywhere = cpus_of(::getpid());
  EXPECT_NE(of_one, everywhere);
  EXPECT_NE(of_two, everywhere);
}

TEST(Threads, AreAsManyAsTheCpusThatTheProcessMayUse) {
  const auto cpu = std::to_string(std::stoi(cpus_of(::getpid())));
  const auto version =
      testing::run_shell("taskset -c " + cpu + " " + kProgram + " --version");
  EXPECT_THAT(version.output, HasSubstr("threads 1\n"));
  const auto given = testing::run_shell(
      "OMP_NUM_THREADS=3 taskset -c " + cpu + " " + kProgram + " --version"
  );
  EXPECT_THAT(given.output, HasSubstr("threads 3\n"));
}

TEST_F(Program, ProcessesShareEvaluationAndPrediction) {
  const auto run = path("run");
  ASSERT_EQ(deeplab(small(run, 2)).code, 0);
  const std::string checkpoint = " --checkpoint " + run + "/last.safetensors";
  const auto words = [&](const std::string& json) {
    return "evaluate" + checkpoint + " --trimap 2 --split train --json " +
           path(json);
  };
  ASSERT_EQ(deeplab(words("one.json")).code, 0);
  const auto in_two = [&](const std::string& verb) {
    const auto port = testing::free_port();
    const pid_t other = start(verb, place_of(1, port));
    const auto first =
        testing::run_shell(place_of(0, port) + kProgram + " " + verb);
    int status = 0;
    ::waitpid(other, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(first.code, 0) << first.output;
  };
  in_two(words("two.json"));
  const auto one = Json::parse(testing::read_text(path("one.json")));
  const auto two = Json::parse(testing::read_text(path("two.json")));
  EXPECT_EQ(one["images"], 8);
  EXPECT_EQ(one, two);

  const auto set = path("set");
  synthesize(set, 3, 2);
  const auto masks = path("masks");
  in_two(
      "predict " + set + "/JPEGImages --save mask --out " + masks + checkpoint
  );
  int64_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(masks)) {
    EXPECT_GT(file.file_size(), 0U);
    ++count;
  }
  EXPECT_EQ(count, 5);
}

/// The environment variables of launchers that are not installed here.
struct LauncherVariables {
  const char* name;
  const char* rank;
  const char* others;
};

void PrintTo(const LauncherVariables& launcher, std::ostream* stream) {
  *stream << launcher.name;
}

class Launchers : public ::testing::TestWithParam<LauncherVariables> {
 protected:
  std::string variables(int64_t rank) const {
    const auto job = fmt::format("{}", ::getpid());
    return fmt::format(
        "{}={} {}{} ", GetParam().rank, rank, GetParam().others, job
    );
  }
  testing::TemporaryFolder folder_;
};

TEST_P(Launchers, TellAProcessItsPlace) {
  const auto out = folder_ / "run";
  const auto words = small(out, 1) + " --batch-size 4";
  const pid_t other = start(words, variables(1));
  const auto first = testing::run_shell(variables(0) + kProgram + " " + words);
  // The other process would wait for a long time.
  if (first.code != 0) ::kill(other, SIGKILL);
  int status = 0;
  ::waitpid(other, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(first.code, 0) << first.output;
  EXPECT_THAT(first.output, HasSubstr("process 0 of 2 ("));
  EXPECT_EQ(
      Json::parse(testing::read_text(out + "/run.json"))[0]["processes"], 2
  );

  const auto grid = testing::run_shell(
      variables(0) + kProgram + " ablate grid.json --out " + folder_ / "grid"
  );
  EXPECT_EQ(grid.code, 2);
  EXPECT_THAT(
      grid.output,
      HasSubstr(" started 2 processes, and each would do the same; start it "
                "once, with --jobs")
  );
}

INSTANTIATE_TEST_SUITE_P(
    All,
    Launchers,
    ::testing::Values(
        LauncherVariables{
            "srun", "SLURM_PROCID",
            "SLURM_STEP_NUM_TASKS=2 SLURM_STEP_TASKS_PER_NODE='2' "
            "SLURM_JOB_ID="},
        LauncherVariables{
            "open_mpi", "OMPI_COMM_WORLD_RANK",
            "OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_SIZE=2 "
            "PMIX_NAMESPACE="},
        LauncherVariables{
            "mpich", "PMI_RANK", "PMI_SIZE=2 MPI_LOCALNRANKS=2 PMIX_NAMESPACE="}
    ),
    [](const auto& tested) { return std::string(tested.param.name); }
);

TEST_F(Program, ProcessesOnSeveralHostsNeedToldWhereTheyMeet) {
  const auto refused = testing::run_shell(
      "SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=2 "
      "SLURM_STEP_TASKS_PER_NODE='1(x2)' " +
      kProgram + " " + small(path("run"), 1)
  );
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(
      refused.output,
      HasSubstr("MASTER_ADDR is not set, and srun started processes on several "
                "hosts; set it to the host of process 0")
  );
}

TEST_F(Program, TorchrunTrainsInTwoProcesses) {
  if (testing::run_shell("command -v torchrun").code != 0) {
    GTEST_SKIP() << "no torchrun (python3-torch)";
  }
  const auto alone = deeplab(comparable(path("one")));
  ASSERT_EQ(alone.code, 0) << alone.output;
  const auto out = path("two");
  // torchrun's defaults of -r and -t fail in PyTorch 1.13 on Python 3.11. Its
  // TCP stores need libuv, which Debian's PyTorch 2.6 does not have, so the
  // test uses a file store.
  const auto finished = testing::run_shell(
      "TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 OMP_NUM_THREADS=1 torchrun -r 1 "
      "-t 1 --nnodes=1 --nproc_per_node=2 --rdzv_backend=c10d "
      "--rdzv_conf=store_type=file --rdzv_endpoint=" +
      path("meeting") + " --no_python " + kProgram + " " + comparable(out)
  );
  EXPECT_EQ(finished.code, 0) << finished.output;
  EXPECT_EQ(
      Json::parse(testing::read_text(out + "/run.json"))[0]["processes"], 2
  );
  expect_same_losses(losses(path("one")), losses(out));
}

}  // namespace
}  // namespace deeplab
