// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "deeplab/engine/process_group.h"

namespace deeplab::apps {

/// Returns the logical CPUs that this process may run on. CPUs of the same
/// core, and of the same package, are next to each other. The list is empty if
/// the system does not provide it.
std::vector<int> allowed_cpus();

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
