// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include <omp.h>

#include "deeplab/crf/kernels/rows.h"

namespace deeplab::crf {

#if defined(__SANITIZE_THREAD__)
/// ThreadSanitizer does not see the synchronisation inside OpenMP's runtime
/// library and would report every loop; under it, the parts run in std::thread.
inline thread_local bool is_in_part = false;

template <class Function>
void run_parts(size_t parts, const Function& function) {
  std::vector<std::thread> threads;
  for (size_t part = 0; part < parts; ++part) {
    threads.emplace_back([&function, part, parts] {
      is_in_part = true;
      function(part, parts);
    });
  }
  for (auto& thread : threads) thread.join();
}
#else
/// Calls function(part, parts) once for each part, each in an OpenMP thread (of
/// the pool that LibTorch uses). OpenMP may provide fewer parts than requested.
template <class Function>
void run_parts(size_t parts, const Function& function) {
#pragma omp parallel num_threads(static_cast <int>(parts))
  function(
      static_cast<size_t>(omp_get_thread_num()),
      static_cast<size_t>(omp_get_num_threads())
  );
}
#endif

/// Returns whether the calling thread works on a part already.
inline bool is_parallel() {
#if defined(__SANITIZE_THREAD__)
  return is_in_part;
#else
  return omp_in_parallel() != 0;
#endif
}

/// Splits 0..count into equal parts and calls function(Range) for each in a
/// thread of its own. Within such a part, it runs everything in the calling
/// thread. Rethrows an exception of a part.
template <class Function>
void parallel_ranges(size_t count, const Function& function) {
  const size_t most =
      std::min(count, static_cast<size_t>(omp_get_max_threads()));
  if (most <= 1 || is_parallel()) {
    function(Range{0, count});
    return;
  }
  std::exception_ptr problem;
  std::mutex mutex;
  run_parts(most, [&](size_t part, size_t parts) {
    try {
      function(Range{count * part / parts, count * (part + 1) / parts});
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      problem = std::current_exception();
    }
  });
  if (problem) std::rethrow_exception(problem);
}

/// Does the same in pieces of at most `piece`: each thread works on the pieces
/// of its own part, then helps the others with theirs. Use it for work of
/// uneven cost whose result does not depend on the thread.
template <class Function>
void parallel_pieces(size_t count, size_t piece, const Function& function) {
  const auto parts = static_cast<size_t>(omp_get_max_threads());
  std::vector<std::atomic<size_t>> next(parts);
  for (size_t part = 0; part < parts; ++part) next[part] = count * part / parts;
  const auto work_on = [&](size_t part) {
    const size_t end = count * (part + 1) / parts;
    for (size_t at = next[part].fetch_add(piece); at < end;
         at = next[part].fetch_add(piece)) {
      function(Range{at, std::min(at + piece, end)});
    }
  };
  parallel_ranges(parts, [&](Range own) {
    for (size_t i = 0; i < parts; ++i) work_on((own.begin + i) % parts);
  });
}

}  // namespace deeplab::crf
