// SPDX-License-Identifier: Apache-2.0
#include "apps/machine/cores.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <tuple>

#include <fmt/core.h>
#include <omp.h>
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

std::optional<double> cpu_quota(
    const std::string& root, const std::string& group
) {
  std::optional<double> least;
  const auto limit_to = [&](double quota, double period) {
    if (quota <= 0 || period <= 0) return;
    least = std::min(least.value_or(quota / period), quota / period);
  };
  const auto number_in = [](const std::string& path) {
    std::ifstream file(path);
    double number = 0;
    return file >> number ? number : 0;
  };
  // A group is limited by those that contain it too.
  for (auto path = std::filesystem::path(group);; path = path.parent_path()) {
    const auto inside = path.string() == "/" ? "" : path.string();
    std::ifstream limit(root + inside + "/cpu.max");
    double quota = 0;
    double period = 0;
    // Without a limit, the file begins with "max".
    if (limit >> quota >> period) limit_to(quota, period);
    const auto old = root + "/cpu" + inside + "/cpu.cfs_";
    limit_to(number_in(old + "quota_us"), number_in(old + "period_us"));
    if (!path.has_relative_path()) return least;
  }
}

int64_t allowed_threads() {
  // OpenMP looked at the CPUs before it bound the first thread to one of them,
  // as OMP_PROC_BIND asks for.
  auto threads = std::max<int64_t>(1, omp_get_num_procs());
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto path = line.rfind(":/");
    const bool is_cpu = line.rfind("0::", 0) == 0 ||
                        line.find(":cpu:") != std::string::npos ||
                        line.find(":cpu,cpuacct:") != std::string::npos;
    if (!is_cpu || path == std::string::npos) continue;
    const auto quota = cpu_quota("/sys/fs/cgroup", line.substr(path + 1));
    // More threads than the quota would be stopped together, many times a
    // second.
    if (quota) threads = std::clamp<int64_t>(std::llround(*quota), 1, threads);
  }
  return threads;
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
