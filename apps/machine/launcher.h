// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "deeplab/core/process_share.h"
#include "deeplab/engine/process_group.h"
#include "deeplab/metrics/evaluation.h"

namespace deeplab::apps {

/// Connects to the processes that a launcher started along with this one, and
/// divides the CPUs of each host among its processes (share_cores()). The
/// launcher is recognized by its environment variables: torchrun (or anything
/// that sets RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT), srun, or mpirun.
/// Returns null if this is the only process.
/// Throws: ConfigError if a variable is missing or is not a whole number; Error
///         if the processes do not connect.
std::shared_ptr<engine::ProcessGroup> join_processes();

/// Rejects several processes for a verb that cannot divide its work.
/// Throws: ConfigError if a launcher started several processes.
void refuse_processes(const char* verb, const char* remedy);

/// Returns the rank of this process among those on its host; 0 for a single
/// process.
/// Throws: the same as join_processes().
int64_t local_rank();

/// Returns true for the process that writes files and prints.
bool is_first(const std::shared_ptr<engine::ProcessGroup>& processes);

/// Returns the part of a list that belongs to this process; for a single
/// process, all of it.
ProcessShare share_of(const std::shared_ptr<engine::ProcessGroup>& processes);

/// Sums the counts of all processes. Every process must call it, and each has
/// the sum afterwards.
void merge_processes(
    metrics::Evaluation& counted,
    const std::shared_ptr<engine::ProcessGroup>& processes
);

}  // namespace deeplab::apps
