// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "deeplab/core/sample.h"

namespace deeplab {

/// Rank of this process and number of processes. The items of a list are dealt
/// out in turn: this process has the items rank, rank + processes, rank + 2 *
/// processes, ...
struct ProcessShare {
  /// In 0..processes-1.
  int64_t rank = 0;
  int64_t processes = 1;

  /// Returns the number of this process's items, out of `all`.
  int64_t size(int64_t all) const {
    return (all + processes - 1 - rank) / processes;
  }
  /// Returns the index in the whole list of this process's item `index`.
  int64_t whole_index(int64_t index) const { return index * processes + rank; }
  /// Returns this process's samples.
  SampleSource of(const SampleSource& samples) const {
    return {size(samples.size), [samples, share = *this](int64_t index) {
              return samples.at(share.whole_index(index));
            }};
  }
};

}  // namespace deeplab
