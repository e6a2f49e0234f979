// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "deeplab/compile/operations.h"

namespace deeplab::compile {

/// Rewrites the operations so that they take less time and memory, with the
/// same results up to rounding:
/// - the scores, from which the result is computed without further
///   convolutions, are float32, whatever the precision;
/// - a ReLU whose result only depthwise convolutions read becomes part of them;
/// - in float32, a depthwise or pointwise convolution of joined maps becomes
///   one for each map, so that they need not be joined. A pointwise one of a
///   map that repeats one value is computed for that value alone.
void optimize(Operations& operations);

}  // namespace deeplab::compile
