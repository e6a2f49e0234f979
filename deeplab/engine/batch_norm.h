// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

namespace deeplab::engine {

/// Freezes every batch norm, for small batches and fine-tuning: it uses its
/// running statistics without updating them (evaluation mode), and its scale
/// and shift are not trained. A later train() of the module ends the evaluation
/// mode, but scale and shift stay untrained.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 4.1.
void freeze_batch_norm(torch::nn::Module& module);

/// Returns true if any norm of the module is a batch norm (not a group norm).
bool has_batch_norm(const torch::nn::Module& module);

}  // namespace deeplab::engine
