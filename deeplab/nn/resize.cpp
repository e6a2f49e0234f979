// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/resize.h"

#include <torch/nn/functional/upsampling.h>

namespace deeplab::nn {

torch::Tensor resize(
    const torch::Tensor& features,
    std::pair<int64_t, int64_t> height_width,
    AlignCorners corners
) {
  namespace functional = torch::nn::functional;
  const auto [height, width] = height_width;
  if (features.size(-2) == height && features.size(-1) == width) {
    return features;
  }
  return functional::interpolate(
      features,
      functional::InterpolateFuncOptions()
          .size(std::vector<int64_t>{height, width})
          .mode(torch::kBilinear)
          .align_corners(corners == AlignCorners::kYes)
  );
}

torch::Tensor resize_like(
    const torch::Tensor& features,
    const torch::Tensor& like,
    AlignCorners corners
) {
  return resize(features, {like.size(-2), like.size(-1)}, corners);
}

}  // namespace deeplab::nn
