// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "deeplab/crf/dense_crf.h"

namespace deeplab::crf {

/// Runs the CRF on each image of a batch. Several images are processed in
/// parallel, each by one thread; a single image uses all threads.
///
/// Shapes: logits float [N, C, H, W] on any device, not softmaxed; images u8
///         [N, H, W, channels], RGB, not normalised -> probabilities float [N,
///         C, H, W] on the CPU, where the CRF is computed.
/// Throws: ConfigError for a bad option; DataError for logits that are not
///         finite; c10::Error if the shapes do not fit.
torch::Tensor post_process(
    const torch::Tensor& logits,
    const torch::Tensor& images,
    const DenseCrfOptions& options
);

/// Refines the scores of one image.
///
/// Shapes: logits float [C, H, W] of any device, pixels u8 [H, W, channels] ->
///         probabilities float [C, H, W] on the CPU.
/// Throws: as post_process().
torch::Tensor refine(
    const torch::Tensor& logits,
    const torch::Tensor& pixels,
    const DenseCrfOptions& options
);

}  // namespace deeplab::crf
