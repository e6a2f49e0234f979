// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "deeplab/engine/process_group.h"

namespace deeplab::apps {

/// The logical CPUs that this process may run on; those of one core, and of one
/// package, beside each other. None where the system does not tell.
std::vector<int> allowed_cpus();

/// The part of `cpus` that is the `index`-th of `count`; all of them where they
/// are fewer than `count`.
std::vector<int> part_of(
    const std::vector<int>& cpus, size_t index, size_t count
);

/// Keeps each process to CPUs of its own among those of its host that it would
/// share with others (so that the scheduler does not put two of them on one
/// while another is idle), and gives it as many threads. A process that its
/// launcher has bound already keeps its CPUs; OMP_NUM_THREADS says how many
/// threads there are, and variables that bind OpenMP's threads leave the rest
/// to them. All processes call this.
void share_cores(engine::ProcessGroup& processes);

}  // namespace deeplab::apps
