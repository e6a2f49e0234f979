// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <omp.h>

#include "deeplab/crf/rows.h"

namespace deeplab::crf {

/// Cuts 0..count into equal parts and calls function(Range) for each, on
/// OpenMP's threads (the pool that LibTorch uses).
template <class Function>
void parallel_ranges(size_t count, const Function& function) {
  const auto parts = static_cast<size_t>(omp_get_max_threads());
  if (parts == 1 || count < parts || omp_in_parallel() != 0) {
    function(Range{0, count});
    return;
  }
#pragma omp parallel num_threads(static_cast <int>(parts))
  {
    const auto part = static_cast<size_t>(omp_get_thread_num());
    function(Range{count * part / parts, count * (part + 1) / parts});
  }
}

}  // namespace deeplab::crf
