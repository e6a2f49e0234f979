// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace deeplab::apps {

/// Runs this program once per list of arguments, with `at_once` processes at a
/// time. When this process gets a signal to stop (StopSignals), it starts no
/// more processes, sends SIGTERM to those that run, once, and waits for them.
/// They receive SIGTERM too when this process is killed. Returns the exit codes
/// in the order of the lists; a process that a signal ended has the code
/// 128 + signal, and one that was not started kInterrupted.
/// Throws: Error if a process cannot be started.
std::vector<int> run_processes(
    const std::vector<std::vector<std::string>>& arguments, int64_t at_once
);

}  // namespace deeplab::apps
