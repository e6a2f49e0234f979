// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/resize.h"

#include <torch/nn/functional/upsampling.h>

namespace deeplab::nn {

torch::Tensor resize_like(
    const torch::Tensor& features, const torch::Tensor& like
) {
  namespace functional = torch::nn::functional;
  const std::vector<int64_t> size{like.size(-2), like.size(-1)};
  if (features.size(-2) == size[0] && features.size(-1) == size[1]) {
    return features;
  }
  return functional::interpolate(
      features,
      functional::InterpolateFuncOptions()
          .size(size)
          .mode(torch::kBilinear)
          .align_corners(false)
  );
}

}  // namespace deeplab::nn
