// SPDX-License-Identifier: Apache-2.0
#include "apps/machine/cores.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <tuple>

#include <fmt/core.h>
#include <sched.h>
#include <torch/utils.h>

#include "apps/machine/platform.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

/// Returns a value of the CPU topology, or 0 if the system does not provide it.
int topology_of(int cpu, const char* what) {
  std::ifstream file(
      fmt::format("/sys/devices/system/cpu/cpu{}/topology/{}", cpu, what)
  );
  int value = 0;
  file >> value;
  return value;
}

void run_on(const std::vector<int>& cpus) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  for (const int cpu : cpus) CPU_SET(static_cast<size_t>(cpu), &mask);
  // Binds existing threads too. If binding fails, the process continues
  // unbound.
  std::error_code problem;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/self/task", problem)) {
    ::sched_setaffinity(
        std::stoi(thread.path().filename()), sizeof(mask), &mask
    );
  }
}

bool threads_are_bound() {
  constexpr std::array kBinding{
      "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"};
  return std::any_of(kBinding.begin(), kBinding.end(), [](const char* name) {
    return std::getenv(name) != nullptr;
  });
}

}  // namespace

std::vector<int> allowed_cpus() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (::sched_getaffinity(0, sizeof(mask), &mask) != 0) return {};
  std::vector<std::tuple<int, int, int>> found;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(static_cast<size_t>(cpu), &mask)) continue;
    found.emplace_back(
        topology_of(cpu, "physical_package_id"), topology_of(cpu, "core_id"),
        cpu
    );
  }
  std::sort(found.begin(), found.end());
  std::vector<int> cpus;
  cpus.reserve(found.size());
  for (const auto& [package, core, cpu] : found) cpus.push_back(cpu);
  return cpus;
}

std::vector<int> part_of(
    const std::vector<int>& cpus, size_t index, size_t count
) {
  if (cpus.size() < count) return cpus;
  const auto at = [&](size_t part) {
    return cpus.begin() +
           static_cast<std::ptrdiff_t>(cpus.size() * part / count);
  };
  return {at(index), at(index + 1)};
}

void share_cores(engine::ProcessGroup& processes) {
  const auto cpus = allowed_cpus();
  std::string own = host_name();
  for (const int cpu : cpus) own += fmt::format(" {}", cpu);
  const auto all = processes.gather(own);
  const auto rank = static_cast<std::ptrdiff_t>(processes.rank());
  const auto before = std::count(all.begin(), all.begin() + rank, own);
  const auto sharing = std::count(all.begin(), all.end(), own);
  if (cpus.empty()) return;
  const auto count = static_cast<size_t>(sharing);
  const auto part = part_of(cpus, static_cast<size_t>(before), count);
  if (!threads_are_bound()) run_on(part);
  if (std::getenv("OMP_NUM_THREADS") != nullptr) return;
  const size_t threads = cpus.size() < count ? 1 : part.size();
  torch::set_num_threads(static_cast<int>(threads));
}

}  // namespace deeplab::apps
