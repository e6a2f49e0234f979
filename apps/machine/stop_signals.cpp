// SPDX-License-Identifier: Apache-2.0
#include "apps/machine/stop_signals.h"

#include <csignal>

namespace deeplab::apps {
namespace {

volatile std::sig_atomic_t stop_signal = 0;

void remember_signal(int signal) {
  stop_signal = signal;
  std::signal(signal, SIG_DFL);
}

}  // namespace

StopSignals::StopSignals()
    : old_interrupt_(std::signal(SIGINT, remember_signal)),
      old_terminate_(std::signal(SIGTERM, remember_signal)) {
  stop_signal = 0;
}

StopSignals::~StopSignals() {
  std::signal(SIGINT, old_interrupt_);
  std::signal(SIGTERM, old_terminate_);
}

bool StopSignals::arrived() const { return stop_signal != 0; }

}  // namespace deeplab::apps
