// SPDX-License-Identifier: Apache-2.0
#include "apps/world.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <optional>

#include "apps/cores.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

/// The variables by which a launcher tells a process its place.
struct Launcher {
  const char* name;
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* local_size;
};
constexpr std::array kLaunchers{
    Launcher{
        "torchrun", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"},
    Launcher{
        "srun",
        "SLURM_PROCID",
        "SLURM_STEP_NUM_TASKS",
        "SLURM_LOCALID",
        "SLURM_STEP_TASKS_PER_NODE"},
    Launcher{
        "mpirun (Open MPI)",
        "OMPI_COMM_WORLD_RANK",
        "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK",
        "OMPI_COMM_WORLD_LOCAL_SIZE"},
    Launcher{
        "mpirun", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
};

/// What tells one job's processes from another's on the same hosts.
constexpr std::array kJobs{
    "TORCHELASTIC_RUN_ID",
    "TORCHELASTIC_RESTART_COUNT",
    "SLURM_JOB_ID",
    "SLURM_STEP_ID",
    "PMIX_NAMESPACE",
    "OMPI_MCA_ess_base_jobid"};

/// How long a process waits for the others, at the start and in between.
constexpr std::chrono::minutes kPatience{30};

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

/// The number that the variable begins with ("4(x2)" and "4,3" of srun are 4).
int64_t whole(const char* name, int64_t least) {
  const auto text = variable(name);
  if (!text) throw ConfigError(str(name, " is not set; the launcher sets it"));
  int64_t value = 0;
  const char* end = text->data() + text->size();
  const auto [stop, problem] = std::from_chars(text->data(), end, value);
  const bool ends = stop == end || *stop == '(' || *stop == ',';
  if (problem == std::errc() && ends && value >= least) return value;
  throw ConfigError(
      str(name, " is \"", *text, "\"; must be a whole number >= ", least)
  );
}

bool is_set(const char* name) { return variable(name).has_value(); }

/// nullptr where none started this process.
const Launcher* find_launcher() {
  for (const auto& launcher : kLaunchers) {
    if (is_set(launcher.rank) && is_set(launcher.size)) return &launcher;
  }
  return nullptr;
}

void find_meeting(const Launcher& launcher, engine::ProcessPlace& place) {
  const bool elsewhere =
      is_set(launcher.local_size) && whole(launcher.local_size, 1) < place.size;
  if (is_set("MASTER_ADDR")) {
    place.address = *variable("MASTER_ADDR");
  } else if (elsewhere) {
    throw ConfigError(
        str("MASTER_ADDR is not set, and ",
            launcher.name,
            " started processes on several hosts; set it to the host of "
            "process 0")
    );
  }
  place.interface = variable("GLOO_SOCKET_IFNAME").value_or("");
  for (const char* job : kJobs) {
    place.meeting += "/" + variable(job).value_or("");
  }
  if (is_set("MASTER_PORT")) {
    place.port = whole("MASTER_PORT", 1);
    // Torchrun itself may wait at its port, with the words of its version.
    if (is_set("TORCHELASTIC_RUN_ID")) ++place.port;
  } else {
    constexpr size_t kFirst = 20000;
    constexpr size_t kPorts = 10000;
    place.port = static_cast<int64_t>(
        kFirst + std::hash<std::string>()(place.meeting) % kPorts
    );
  }
}

}  // namespace

int64_t local_rank() {
  const auto* launcher = find_launcher();
  const bool tells = launcher != nullptr && is_set(launcher->local_rank);
  return tells ? whole(launcher->local_rank, 0) : 0;
}

void refuse_processes(const char* verb, const char* remedy) {
  const auto* launcher = find_launcher();
  if (launcher == nullptr || whole(launcher->size, 1) == 1) return;
  throw ConfigError(
      str(verb,
          ": ",
          launcher->name,
          " started ",
          *variable(launcher->size),
          " processes, and each would do the same; ",
          remedy)
  );
}

std::shared_ptr<engine::ProcessGroup> join_processes() {
  const auto* launcher = find_launcher();
  if (launcher == nullptr) return nullptr;
  engine::ProcessPlace place;
  place.rank = whole(launcher->rank, 0);
  place.size = whole(launcher->size, 1);
  if (place.size == 1) return nullptr;
  if (place.rank >= place.size) {
    throw ConfigError(
        str(launcher->rank,
            " is ",
            place.rank,
            "; must be below ",
            launcher->size,
            ", ",
            place.size)
    );
  }
  find_meeting(*launcher, place);
  if (place.rank == 0) {
    std::cerr << "process 0 of " << place.size << " (" << launcher->name
              << "): meeting the others at " << place.address << ':'
              << place.port << '\n';
  }
  auto processes = std::make_shared<engine::ProcessGroup>(place, kPatience);
  share_cores(*processes);
  return processes;
}

bool is_first(const std::shared_ptr<engine::ProcessGroup>& processes) {
  return !processes || processes->rank() == 0;
}

int64_t own_share(
    int64_t size, const std::shared_ptr<engine::ProcessGroup>& processes
) {
  if (!processes) return size;
  const int64_t all = processes->size();
  return (size + all - 1 - processes->rank()) / all;
}

int64_t whole_index(
    int64_t index, const std::shared_ptr<engine::ProcessGroup>& processes
) {
  if (!processes) return index;
  return index * processes->size() + processes->rank();
}

SampleSource own_share(
    const SampleSource& samples,
    const std::shared_ptr<engine::ProcessGroup>& processes
) {
  return {
      own_share(samples.size, processes), [samples, processes](int64_t index) {
        return samples.at(whole_index(index, processes));
      }};
}

void merge_processes(
    engine::Evaluation& counted,
    const std::shared_ptr<engine::ProcessGroup>& processes
) {
  if (!processes) return;
  engine::Evaluation sum(counted.options());
  for (const auto& text : processes->gather(counted.to_text())) {
    sum.merge_text(text);
  }
  counted = std::move(sum);
  // Process 0, at which all meet, may not leave before the others have read.
  processes->sum(0.0);
}

}  // namespace deeplab::apps
