// SPDX-License-Identifier: Apache-2.0
#include "deeplab/crf/rows.h"

#include <algorithm>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "deeplab/crf/parallel.h"

namespace deeplab::crf {

Rows::Values Rows::allocate_zeros(size_t floats) {
  constexpr size_t kCacheLine = 64;
  constexpr size_t kHugePage = size_t{2} << 20U;
  const size_t wanted = std::max<size_t>(1, floats) * sizeof(float);
  const size_t page = wanted >= kHugePage ? kHugePage : kCacheLine;
  const size_t bytes = (wanted + page - 1) / page * page;
  Values values(static_cast<float*>(std::aligned_alloc(page, bytes)));
  if (!values) throw std::bad_alloc();
#ifdef __linux__
  if (page == kHugePage) ::madvise(values.get(), bytes, MADV_HUGEPAGE);
#endif
  parallel_ranges(floats, [&](Range range) {
    std::fill(values.get() + range.begin, values.get() + range.end, 0.0F);
  });
  return values;
}

}  // namespace deeplab::crf
