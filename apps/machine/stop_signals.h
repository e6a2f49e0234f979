// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <csignal>

namespace deeplab::apps {

/// Exit code of work that was stopped by a signal; the code that shells report
/// for SIGINT.
constexpr int kInterrupted = 130;

/// Turns SIGINT, SIGTERM and SIGHUP into a request to stop during its lifetime.
/// A signal that comes more than a second after the first ends the program at
/// once; an earlier one is taken for the same request, which may arrive several
/// times: from the terminal, a parent process and a launcher. A signal that was
/// ignored before, as nohup does with SIGHUP, stays ignored.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  bool arrived() const;

  /// Keeps these signals from being delivered during its lifetime.
  class Blocked {
   public:
    Blocked();
    Blocked(const Blocked&) = delete;
    Blocked& operator=(const Blocked&) = delete;
    ~Blocked();

   private:
    sigset_t old_{};
  };
  /// In a new child process: gives the signals their usual handlers, and lets
  /// them be delivered.
  static void reset();

 private:
  using Handler = void (*)(int);
  std::array<Handler, 3> old_{};
};

}  // namespace deeplab::apps
