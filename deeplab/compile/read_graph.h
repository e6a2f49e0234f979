// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/jit/api/module.h>
#include <torch/types.h>

#include "deeplab/compile/operations.h"

namespace deeplab::compile {

/// Reads the method forward() of a traced module. Batch norms are folded into
/// the convolutions before them, in float64; ReLUs and sums become part of
/// them. Convolutions take and give maps of type `precision`.
/// Throws: c10::Error if the method has branches or changes values in place.
Operations read_graph(
    const torch::jit::Module& module, torch::ScalarType precision
);

}  // namespace deeplab::compile
