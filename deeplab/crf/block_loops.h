// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/crf/lanes.h"

namespace deeplab::crf {

/// Calls body.run<kBlocks>(first block) for all blocks of a row, up to four at
/// a time, so that sums stay in registers.
template <class Body>
DEEPLAB_CRF_INLINE void for_blocks(size_t blocks, const Body& body) {
  size_t first = 0;
  for (; first + 4 <= blocks; first += 4) body.template run<4>(first);
  switch (blocks - first) {
    case 3:
      body.template run<3>(first);
      break;
    case 2:
      body.template run<2>(first);
      break;
    case 1:
      body.template run<1>(first);
      break;
    default:
      break;
  }
}

/// Blocks of a row lie in one or two cache lines.
template <size_t kBlocks>
DEEPLAB_CRF_INLINE void prefetch_row(const float* row) {
  __builtin_prefetch(row);
  if constexpr (kBlocks > 1) __builtin_prefetch(row + kBlocks * kLanes - 1);
}

}  // namespace deeplab::crf
