// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include "deeplab/crf/kernels/lanes.h"

namespace deeplab::crf {

/// Number of floats in a row of kBlocks blocks, known at compile time.
template <size_t kBlocks>
using RowWidth = std::integral_constant<size_t, kBlocks * kLanes>;

/// Calls body.run<kBlocks>(first block, width) for all blocks of a row, up to
/// four at a time, so that sums stay in registers. `width` is the number of
/// floats in a row; it is a compile-time constant for rows of up to four
/// blocks.
template <class Body>
DEEPLAB_CRF_INLINE void for_blocks(size_t blocks, const Body& body) {
  switch (blocks) {
    case 1:
      return body.template run<1>(0, RowWidth<1>{});
    case 2:
      return body.template run<2>(0, RowWidth<2>{});
    case 3:
      return body.template run<3>(0, RowWidth<3>{});
    case 4:
      return body.template run<4>(0, RowWidth<4>{});
    default:
      break;
  }
  const size_t width = blocks * kLanes;
  size_t first = 0;
  for (; first + 4 <= blocks; first += 4) body.template run<4>(first, width);
  switch (blocks - first) {
    case 3:
      return body.template run<3>(first, width);
    case 2:
      return body.template run<2>(first, width);
    case 1:
      return body.template run<1>(first, width);
    default:
      return;
  }
}

/// Prefetches kBlocks blocks of a row, which lie in one or two cache lines.
template <size_t kBlocks>
DEEPLAB_CRF_INLINE void prefetch_row(const float* row) {
  __builtin_prefetch(row);
  if constexpr (kBlocks > 1) __builtin_prefetch(row + kBlocks * kLanes - 1);
}

}  // namespace deeplab::crf
