// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

namespace deeplab::engine {

/// Makes every batch norm use and keep its running statistics, and its scale
/// and shift fixed, for small batches and fine-tuning. A later train() of the
/// module undoes the first half.
/// Source: Chen et al. 2017, arXiv:1706.05587, section 4.1.
void freeze_batch_norm(torch::nn::Module& module);

/// Whether any norm of the module is one over the batch.
bool has_batch_norm(const torch::nn::Module& module);

}  // namespace deeplab::engine
