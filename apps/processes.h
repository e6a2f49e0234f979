// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace deeplab::apps {

/// Runs this program once with each list of arguments, `at_once` of them at a
/// time. They are told to stop (SIGTERM) when this process ends.
/// Returns the exit codes, in order; 128 + signal for one that a signal ended.
/// Throws: Error where a process cannot be started.
std::vector<int> run_processes(
    const std::vector<std::vector<std::string>>& arguments, int64_t at_once
);

}  // namespace deeplab::apps
