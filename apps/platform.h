// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace deeplab::apps {

/// Starts this process anew, once, with waiting threads that sleep soon: by
/// default LibTorch's threads spin for milliseconds at each of the many short
/// waits of a training step, and take a tenth of its CPU time, and the cores
/// of those who load data. The OpenMP runtime reads this only at its start.
/// Does nothing where OMP_WAIT_POLICY or GOMP_SPINCOUNT is set already.
void limit_spinning(char** argv);

/// What a program does before its first tensor: threads from the hardware
/// (unless OMP_NUM_THREADS says otherwise), memory kept between iterations,
/// and a warning on stderr where BLAS is the slow reference one.
void prepare_platform();

/// A warning, empty where none is due, that convolutions are slow on this
/// machine: see nn::keep_convolutions_right(), which this calls.
std::string convolution_warning();

/// From now on large blocks go back to the system when they are freed, which
/// prepare_platform() keeps for the next iteration: slower, but kept blocks of
/// one size do not stand in the way of others (40 % more memory from the second
/// image on).
void return_freed_memory();

/// What the process holds in memory, in bytes; 0 where the system does not
/// tell.
int64_t resident_bytes();

/// The time in UTC, and the machine's name, for records.
std::string now_text();
std::string host_name();

/// Keeps other processes out of a folder, created where it is missing, while it
/// lives. Where the file system knows no locks, nothing is kept out.
class FolderLock {
 public:
  /// Throws: ConfigError where another process has it.
  explicit FolderLock(const std::string& folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int descriptor_;
};

/// From now on CUDA takes only algorithms that give the same bits each time, or
/// says which operation has none.
void use_deterministic_algorithms();

/// Versions, threads, BLAS and devices, a line each.
std::string platform_report();

}  // namespace deeplab::apps
