// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "deeplab/crf/dense_crf.h"

namespace deeplab::crf {

/// Runs the CRF on each image of a batch; images of a batch run at once, each
/// on its own share of the threads.
///
/// Shapes: logits float [N, C, H, W] of any device, not softmaxed; images u8
///         [N, H, W, channels], RGB as it was taken -> probabilities float
///         [N, C, H, W] on the CPU, where the CRF is computed.
/// Throws: ConfigError for a bad option; DataError for logits that are not
///         finite; c10::Error where the shapes do not fit.
torch::Tensor post_process(
    const torch::Tensor& logits,
    const torch::Tensor& images,
    const DenseCrfOptions& options
);

/// The raw image, u8 [H, W, 3], of a normalised one, float [3, H, W].
torch::Tensor raw_image(
    const torch::Tensor& normalized,
    const std::vector<double>& mean,
    const std::vector<double>& deviation
);

}  // namespace deeplab::crf
