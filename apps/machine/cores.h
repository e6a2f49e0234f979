// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "deeplab/engine/process_group.h"

namespace deeplab::apps {

/// Returns the logical CPUs that this process may run on. CPUs of the same
/// core, and of the same package, are next to each other. The list is empty if
/// the system does not provide it.
std::vector<int> allowed_cpus();

/// Returns the number of threads that can run at the same time: the number of
/// CPUs that this process may run on, or fewer where a control group (a
/// container) limits the CPU time, at least 1.
int64_t allowed_threads();

/// Returns the CPU time per elapsed time that the control group of this process
/// may use, e.g. 1.5; unset without a limit. `root` is where control groups are
/// mounted, and `group` the path of this process's group, which begins with a
/// slash. Groups of version 2 and the usual mount of version 1 are known.
std::optional<double> cpu_quota(
    const std::string& root, const std::string& group
);

/// Returns the part of `cpus` with number `index` out of `count` parts. If
/// there are fewer CPUs than parts, returns all of them.
std::vector<int> part_of(
    const std::vector<int>& cpus, size_t index, size_t count
);

/// Divides the CPUs of each host among the processes that may run on the same
/// CPUs, binds each process to its part, and sets its number of threads to
/// match. This keeps the scheduler from placing two processes on one CPU while
/// another is idle. A process that its launcher has already bound to CPUs of
/// its own keeps them. If OMP_NUM_THREADS is set, the number of threads is not
/// changed; if a variable that binds OpenMP threads is set, the CPUs are not.
/// All processes must call this.
void share_cores(engine::ProcessGroup& processes);

}  // namespace deeplab::apps
