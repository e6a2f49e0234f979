// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <vector>

#include <omp.h>

#include "deeplab/crf/rows.h"

namespace deeplab::crf {

/// Cuts 0..count into equal parts and calls function(Range) for each, on
/// OpenMP's threads (the pool that LibTorch uses); in one part where it is
/// called from within such a part. Throws what a part throws.
template <class Function>
void parallel_ranges(size_t count, const Function& function) {
  const size_t most =
      std::min(count, static_cast<size_t>(omp_get_max_threads()));
  if (most <= 1 || omp_in_parallel() != 0) {
    function(Range{0, count});
    return;
  }
  std::exception_ptr problem;
#pragma omp parallel num_threads(static_cast <int>(most))
  {
    // There may be fewer threads than asked for.
    const auto parts = static_cast<size_t>(omp_get_num_threads());
    const auto part = static_cast<size_t>(omp_get_thread_num());
    try {
      function(Range{count * part / parts, count * (part + 1) / parts});
    } catch (...) {
#pragma omp critical(deeplab_crf_problem)
      problem = std::current_exception();
    }
  }
  if (problem) std::rethrow_exception(problem);
}

/// The same in pieces of at most `piece`: each thread does those of its own
/// part, then helps the others with theirs. For work of uneven weight whose
/// result does not depend on who does it.
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
