// SPDX-License-Identifier: Apache-2.0
#include "apps/machine/child_processes.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>

#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apps/machine/stop_signals.h"
#include "deeplab/core/error.h"

namespace deeplab::apps {
namespace {

pid_t start_process(const std::vector<std::string>& arguments) {
  std::string program = "deeplab";
  std::vector<std::string> words = arguments;
  std::vector<char*> pointers{program.data()};
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  // A signal that comes before the child has started waits until it has the
  // usual handlers, instead of being lost in those of this process.
  const StopSignals::Blocked blocked;
  const pid_t child = ::fork();
  if (child == 0) {
    StopSignals::reset();
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    // Idle OpenMP threads sleep after some tens of microseconds instead of
    // spinning for milliseconds on cores that the other processes use.
    ::setenv("GOMP_SPINCOUNT", "20000", /*overwrite=*/0);
    ::execv("/proc/self/exe", pointers.data());
    constexpr int kNotFound = 127;
    ::_exit(kNotFound);
  }
  if (child < 0) {
    throw Error(fmt::format("cannot start a process: {}", std::strerror(errno))
    );
  }
  return child;
}

int code_of(int status) {
  constexpr int kSignal = 128;
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignal + WTERMSIG(status);
}

}  // namespace

std::vector<int> run_processes(
    const std::vector<std::vector<std::string>>& arguments, int64_t at_once
) {
  const StopSignals signals;
  std::vector<int> codes(arguments.size(), kInterrupted);
  std::map<pid_t, size_t> running;
  size_t next = 0;
  bool has_told = false;
  while (!running.empty() || (next < arguments.size() && !signals.arrived())) {
    if (signals.arrived() && !has_told) {
      for (const auto& [child, index] : running) ::kill(child, SIGTERM);
      has_told = true;
    }
    if (!signals.arrived() && next < arguments.size() &&
        running.size() < static_cast<size_t>(at_once)) {
      running[start_process(arguments[next])] = next;
      ++next;
      continue;
    }
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended < 0 && errno != EINTR) {
      throw Error(
          fmt::format("cannot wait for a process: {}", std::strerror(errno))
      );
    }
    if (ended <= 0) {
      constexpr useconds_t kPause = 50'000;
      ::usleep(kPause);
      continue;
    }
    const auto found = running.find(ended);
    if (found == running.end()) continue;
    codes[found->second] = code_of(status);
    running.erase(found);
  }
  return codes;
}

}  // namespace deeplab::apps
