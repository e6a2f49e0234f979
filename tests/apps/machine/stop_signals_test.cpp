// SPDX-License-Identifier: Apache-2.0
#include "apps/machine/stop_signals.h"

#include <chrono>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace deeplab::apps {
namespace {

/// Runs the function in a child process and returns its status, as wait() does.
int status_of(const std::function<bool()>& function) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(function() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(StopSignals, AskToStopHoweverOftenTheyArriveAtOnce) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    EXPECT_EQ(
        status_of([signal] {
          const StopSignals signals;
          const bool before = signals.arrived();
          std::raise(signal);
          std::raise(signal);
          std::raise(SIGTERM);
          return !before && signals.arrived();
        }),
        0
    ) << signal;
  }
}

TEST(StopSignals, OneAfterMoreThanASecondEndsTheProgram) {
  const int status = status_of([] {
    const StopSignals signals;
    std::raise(SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    std::raise(SIGTERM);
    return true;
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST(StopSignals, LeaveASignalIgnoredAsNohupHasIt) {
  EXPECT_EQ(
      status_of([] {
        std::signal(SIGHUP, SIG_IGN);
        const StopSignals signals;
        std::raise(SIGHUP);
        return !signals.arrived();
      }),
      0
  );
}

}  // namespace
}  // namespace deeplab::apps
