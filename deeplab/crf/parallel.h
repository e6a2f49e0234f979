// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <exception>

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

}  // namespace deeplab::crf
