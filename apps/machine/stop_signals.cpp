// SPDX-License-Identifier: Apache-2.0
#include "apps/machine/stop_signals.h"

#include <ctime>

namespace deeplab::apps {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};

sigset_t all_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : kSignals) ::sigaddset(&signals, signal);
  return signals;
}

volatile std::sig_atomic_t has_arrived = 0;
timespec first_arrival{};

/// Calls only functions that are safe in a signal handler.
void remember_signal(int signal) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  if (has_arrived == 0) {
    first_arrival = now;
    has_arrived = 1;
    return;
  }
  constexpr double kNanoseconds = 1e9;
  const double since =
      static_cast<double>(now.tv_sec - first_arrival.tv_sec) +
      static_cast<double>(now.tv_nsec - first_arrival.tv_nsec) / kNanoseconds;
  if (since < 1) return;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

StopSignals::StopSignals() {
  has_arrived = 0;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    old_[i] = std::signal(kSignals[i], remember_signal);
    if (old_[i] == SIG_IGN) std::signal(kSignals[i], SIG_IGN);
  }
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < kSignals.size(); ++i) {
    std::signal(kSignals[i], old_[i]);
  }
}

StopSignals::Blocked::Blocked() {
  const auto signals = all_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, &old_);
}

StopSignals::Blocked::~Blocked() {
  ::pthread_sigmask(SIG_SETMASK, &old_, nullptr);
}

void StopSignals::reset() {
  for (const int signal : kSignals) {
    // One that is ignored stays so.
    if (std::signal(signal, SIG_DFL) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
  const auto signals = all_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

bool StopSignals::arrived() const { return has_arrived != 0; }

}  // namespace deeplab::apps
