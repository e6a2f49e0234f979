// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "deeplab/core/sample.h"
#include "deeplab/engine/evaluation.h"
#include "deeplab/engine/process_group.h"

namespace deeplab::apps {

/// Joins the processes that a launcher started beside this one, and shares the
/// machine's cores out among those on it (share_cores()). The launcher is told
/// by the environment: torchrun (or anything that sets RANK, WORLD_SIZE,
/// MASTER_ADDR and MASTER_PORT), srun, or mpirun.
/// Returns nothing where this process is alone.
/// Throws: ConfigError for a variable that is missing or no whole number;
///         Error where the processes do not meet.
std::shared_ptr<engine::ProcessGroup> join_processes();

/// Throws: ConfigError where a launcher started several processes, for a verb
///         that does not share its work out.
void refuse_processes(const char* verb, const char* remedy);

/// This process's number among those on its machine; 0 where it is alone.
/// Throws: as join_processes().
int64_t local_rank();

/// Whether this process is the one that writes and prints.
bool is_first(const std::shared_ptr<engine::ProcessGroup>& processes);

/// The items 0..size-1 of this process: each P-th, from its rank on.
/// Returns how many.
int64_t own_share(
    int64_t size, const std::shared_ptr<engine::ProcessGroup>& processes
);
/// The place in the whole of this process's item number `index`.
int64_t whole_index(
    int64_t index, const std::shared_ptr<engine::ProcessGroup>& processes
);

/// This process's share of a data set.
SampleSource own_share(
    const SampleSource& samples,
    const std::shared_ptr<engine::ProcessGroup>& processes
);

/// Adds up what each process counted; all have the sum.
void merge_processes(
    engine::Evaluation& counted,
    const std::shared_ptr<engine::ProcessGroup>& processes
);

}  // namespace deeplab::apps
