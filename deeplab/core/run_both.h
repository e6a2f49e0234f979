// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>

namespace deeplab {

/// Runs two functions at the same time if there are two threads, else one after
/// the other. Inside them, everything takes one thread.
template <class One, class Other>
void run_both(const One& one, const Other& other) {
  at::parallel_for(0, 2, 1, [&](int64_t begin, int64_t end) {
    if (begin == 0) one();
    if (end == 2) other();
  });
}

}  // namespace deeplab
