// SPDX-License-Identifier: Apache-2.0
#include "apps/machine/launcher.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <optional>

#include <fmt/core.h>

#include "apps/machine/cores.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

/// Names of the environment variables in which a launcher gives ranks and
/// sizes.
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
        "srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID",
        "SLURM_STEP_TASKS_PER_NODE"},
    Launcher{
        "mpirun (Open MPI)", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
        "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"},
    Launcher{
        "mpirun", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
};

/// Variables that identify a job, so that jobs on the same hosts do not mix.
constexpr std::array kJobs{"TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT",
                           "SLURM_JOB_ID",        "SLURM_STEP_ID",
                           "PMIX_NAMESPACE",      "OMPI_MCA_ess_base_jobid"};

/// Time that a process waits for the others, at the start and in each
/// operation.
constexpr std::chrono::minutes kPatience{30};

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

/// Returns the number at the start of the variable's value (srun sets "4(x2)"
/// or "4,3", which both give 4).
int64_t whole(const char* name, int64_t least) {
  const auto text = variable(name);
  if (!text)
    throw ConfigError(fmt::format("{} is not set; the launcher sets it", name));
  int64_t value = 0;
  const char* end = text->data() + text->size();
  const auto [stop, problem] = std::from_chars(text->data(), end, value);
  const bool ends = stop == end || *stop == '(' || *stop == ',';
  if (problem == std::errc() && ends && value >= least) return value;
  throw ConfigError(fmt::format(
      "{} is \"{}\"; must be a whole number >= {}", name, *text, least
  ));
}

bool is_set(const char* name) { return variable(name).has_value(); }

/// Returns null if no launcher started this process.
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
    throw ConfigError(fmt::format(
        "MASTER_ADDR is not set, and {} started processes on several hosts; set it to the host of process 0",
        launcher.name
    ));
  }
  place.interface = variable("GLOO_SOCKET_IFNAME").value_or("");
  for (const char* job : kJobs) {
    place.meeting += "/" + variable(job).value_or("");
  }
  if (is_set("MASTER_PORT")) {
    place.port = whole("MASTER_PORT", 1);
    // torchrun itself may listen on MASTER_PORT, with the protocol of its own
    // version of the store, so the next port is used.
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
  throw ConfigError(fmt::format(
      "{}: {} started {} processes, and each would do the same; {}", verb,
      launcher->name, *variable(launcher->size), remedy
  ));
}

std::shared_ptr<engine::ProcessGroup> join_processes() {
  const auto* launcher = find_launcher();
  if (launcher == nullptr) return nullptr;
  engine::ProcessPlace place;
  place.rank = whole(launcher->rank, 0);
  place.size = whole(launcher->size, 1);
  if (place.size == 1) return nullptr;
  if (place.rank >= place.size) {
    throw ConfigError(fmt::format(
        "{} is {}; must be below {}, {}", launcher->rank, place.rank,
        launcher->size, place.size
    ));
  }
  find_meeting(*launcher, place);
  if (place.rank == 0) {
    std::cerr << "process 0 of " << place.size << " (" << launcher->name
              << "): connecting to the others at " << place.address << ':'
              << place.port << '\n';
  }
  auto processes = std::make_shared<engine::ProcessGroup>(place, kPatience);
  share_cores(*processes);
  return processes;
}

bool is_first(const std::shared_ptr<engine::ProcessGroup>& processes) {
  return !processes || processes->rank() == 0;
}

ProcessShare share_of(const std::shared_ptr<engine::ProcessGroup>& processes) {
  if (!processes) return {};
  return {processes->rank(), processes->size()};
}

void merge_processes(
    metrics::Evaluation& counted,
    const std::shared_ptr<engine::ProcessGroup>& processes
) {
  if (!processes) return;
  metrics::Evaluation sum(counted.options());
  for (const auto& text : processes->gather(counted.to_text())) {
    sum.merge_text(text);
  }
  counted = std::move(sum);
  // Process 0 serves the rendezvous, so it must not exit before the others have
  // read the counts.
  processes->sum(0.0);
}

}  // namespace deeplab::apps
