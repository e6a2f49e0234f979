// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace deeplab::apps {

/// Prepares the process; must be called before the first tensor is created.
/// Sets the number of threads to that of the hardware (unless OMP_NUM_THREADS
/// is set), keeps freed memory between iterations, and warns on stderr if the
/// loaded BLAS is the slow reference implementation.
void prepare_platform();

/// Returns a warning if convolutions are slow on this machine, else an empty
/// string. Calls nn::limit_onednn_to_avx(), which explains the reason.
std::string convolution_warning();

/// Returns whether the CPU multiplies bfloat16 numbers by instructions of their
/// own.
bool has_bfloat16();

/// Makes freed large blocks return to the system from now on, instead of being
/// kept for the next iteration as prepare_platform() arranges. This is slower,
/// but kept blocks of one size cannot serve requests of another size, which
/// costs 40 % more memory from the second image on.
void return_freed_memory();

/// Returns the resident memory of the process in bytes, or 0 if the system does
/// not provide it.
int64_t resident_bytes();

/// Return the time in UTC and the name of the host, for records.
std::string now_text();
std::string host_name();

/// Locks a folder against other processes during its lifetime, and creates the
/// folder if it is missing. On a file system without locks it has no effect.
class FolderLock {
 public:
  /// Throws: ConfigError if another process holds the lock.
  explicit FolderLock(const std::string& folder);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int descriptor_;
};

/// Restricts CUDA to deterministic algorithms. An operation that has none
/// throws an error that names it.
void use_deterministic_algorithms();

/// Returns versions, threads, BLAS and devices, one per line.
std::string platform_report();

}  // namespace deeplab::apps
