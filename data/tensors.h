// SPDX-License-Identifier: Apache-2.0
// Conversions of images between OpenCV and LibTorch.
#pragma once

#include <opencv2/core/mat.hpp>
#include <torch/types.h>

#include "deeplab/core/normalization.h"

namespace deeplab::data {

/// Returns the image in the form that networks read.
///
/// Shapes: u8 [H, W, 3], BGR -> float [3, H, W], RGB, normalised.
torch::Tensor to_tensor(
    const cv::Mat& image, const Normalization& normalization
);

/// Returns the image in the form that the CRF reads.
///
/// Shapes: u8 [H, W, 3], BGR -> u8 tensor [H, W, 3], RGB.
torch::Tensor to_pixels(const cv::Mat& image);

/// Returns predicted classes as a mask.
///
/// Shapes: int64 [H, W] on any device -> u8 [H, W].
cv::Mat to_mask(const torch::Tensor& prediction);

}  // namespace deeplab::data
