// SPDX-License-Identifier: Apache-2.0
#include "deeplab/metrics/trimap.h"

#include <torch/types.h>

#include "deeplab/core/sample.h"

namespace deeplab::metrics {

torch::Tensor boundary_band(const torch::Tensor& labels, int64_t width) {
  const auto height = labels.size(0);
  const auto columns = labels.size(1);
  auto edge = labels.eq(kVoid);
  const auto below = labels.narrow(0, 1, height - 1);
  const auto above = labels.narrow(0, 0, height - 1);
  edge.narrow(0, 0, height - 1).logical_or_(above.ne(below));
  edge.narrow(0, 1, height - 1).logical_or_(above.ne(below));
  const auto right = labels.narrow(1, 1, columns - 1);
  const auto left = labels.narrow(1, 0, columns - 1);
  edge.narrow(1, 0, columns - 1).logical_or_(left.ne(right));
  edge.narrow(1, 1, columns - 1).logical_or_(left.ne(right));
  // `edge` already holds the pixels on both sides of a boundary, so one
  // dilation fewer is needed.
  const auto reach = width - 1;
  auto band = edge.to(torch::kFloat32).view({1, 1, height, columns});
  band = torch::max_pool2d(band, {2 * reach + 1, 1}, {1, 1}, {reach, 0});
  band = torch::max_pool2d(band, {1, 2 * reach + 1}, {1, 1}, {0, reach});
  return labels.masked_fill(band.view({height, columns}).eq(0), kVoid);
}

}  // namespace deeplab::metrics
