// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/matrix_resize.h"

#include <ATen/ops/matmul.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>

namespace deeplab::nn {
namespace {

/// Returns float64 [n]: 0, 1, ..., n - 1 for the n pixels of an axis of `map`.
/// While a network is traced, n stays a variable of the trace.
torch::Tensor count_along(const torch::Tensor& map, int64_t axis) {
  const auto line =
      map.select(0, 0).select(0, 0).select(axis == 2 ? 1 : 0, 0).detach();
  // A sum of integers is deterministic on CUDA, in every LibTorch.
  return (at::ones_like(line, torch::kInt64).cumsum(0) - 1).to(torch::kFloat64);
}

/// Returns float64 [out, in]: the weight of each source pixel in each result,
/// along an axis.
torch::Tensor interpolation(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const Positions& positions,
    int64_t axis
) {
  const auto source = count_along(features, axis);
  const auto places =
      at::minimum(
          (count_along(like, axis) * positions.step + positions.first)
              .clamp_min(0),
          source.max()
      )
          .unsqueeze(1);
  return (1 - (places - source.unsqueeze(0)).abs()).clamp_min(0);
}

/// Returns float64 [bins, in]: the weight of each source pixel in each cell's
/// mean.
torch::Tensor bin_shares(int64_t bins, int64_t in) {
  auto weights = torch::zeros({bins, in}, torch::kFloat64);
  for (int64_t i = 0; i < bins; ++i) {
    const int64_t first = i * in / bins;
    const int64_t end = ((i + 1) * in + bins - 1) / bins;
    weights[i].slice(0, first, end).fill_(1 / static_cast<double>(end - first));
  }
  return weights;
}

}  // namespace

Positions edge_positions(int64_t in, int64_t out) {
  const double step = static_cast<double>(in) / static_cast<double>(out);
  return {step / 2 - 0.5, step};
}

Positions corner_positions(int64_t in, int64_t out) {
  if (out < 2) return {0, 0};
  return {0, static_cast<double>(in - 1) / static_cast<double>(out - 1)};
}

torch::Tensor resize_with_matrices(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const Positions& rows,
    const Positions& columns
) {
  const auto down = interpolation(features, like, rows, 2).to(features);
  const auto across = interpolation(features, like, columns, 3).to(features);
  return at::matmul(at::matmul(down, features), across.t());
}

torch::Tensor mean_bins_with_matrices(
    const torch::Tensor& features, int64_t bins
) {
  const auto down = bin_shares(bins, features.size(2)).to(features);
  const auto across = bin_shares(bins, features.size(3)).to(features);
  return at::matmul(at::matmul(down, features), across.t());
}

}  // namespace deeplab::nn
