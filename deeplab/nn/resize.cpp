// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/resize.h"

#include <algorithm>

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <torch/csrc/jit/frontend/tracer.h>

#include "deeplab/nn/determinism.h"

namespace deeplab::nn {
namespace {

namespace tracer = torch::jit::tracer;

/// Makes the last two entries of an operator's next size argument follow the
/// height and width of `like` in each call of the trace. The argument is called
/// `argument` and has `count` entries.
void trace_size(const char* argument, size_t count, const torch::Tensor& like) {
  for (const size_t side : {0U, 1U}) {
    tracer::ArgumentStash::stashIntArrayRefElem(
        argument, count, count - 2 + side,
        tracer::getSizeOf(like, static_cast<int64_t>(side) + 2)
    );
  }
}

/// Returns float64 [out, in]: the weight of each source pixel in each result.
torch::Tensor interpolation(
    int64_t out, int64_t in, double step, AlignCorners corners
) {
  auto weights = torch::zeros({out, in}, torch::kFloat64);
  auto* row = weights.data_ptr<double>();
  for (int64_t i = 0; i < out; ++i, row += in) {
    const auto place = static_cast<double>(i);
    const double source = corners == AlignCorners::kYes
                              ? (out > 1 ? place * static_cast<double>(in - 1) /
                                               static_cast<double>(out - 1)
                                         : 0)
                              : std::max(0.0, (place + 0.5) * step - 0.5);
    const auto first = std::min(static_cast<int64_t>(source), in - 1);
    const int64_t second = std::min(first + 1, in - 1);
    const double share = source - static_cast<double>(first);
    row[first] += 1 - share;
    row[second] += share;
  }
  return weights;
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

double step_of(int64_t in, int64_t out) {
  return static_cast<double>(in) / static_cast<double>(out);
}

}  // namespace

torch::Tensor resize_deterministic(
    const torch::Tensor& features, const ResizeGrid& grid, AlignCorners corners
) {
  const auto down =
      interpolation(grid.height, features.size(2), grid.step_y, corners)
          .to(features);
  const auto across =
      interpolation(grid.width, features.size(3), grid.step_x, corners)
          .to(features);
  return at::matmul(at::matmul(down, features), across.t());
}

torch::Tensor mean_bins_deterministic(
    const torch::Tensor& features, int64_t bins
) {
  const auto down = bin_shares(bins, features.size(2)).to(features);
  const auto across = bin_shares(bins, features.size(3)).to(features);
  return at::matmul(at::matmul(down, features), across.t());
}

torch::Tensor mean_bins(const torch::Tensor& features, int64_t bins) {
  return is_deterministic(features)
             ? mean_bins_deterministic(features, bins)
             : at::adaptive_avg_pool2d(features, {bins, bins});
}

torch::Tensor resize_like(
    const torch::Tensor& features,
    const torch::Tensor& like,
    AlignCorners corners
) {
  const std::vector<int64_t> size{like.size(2), like.size(3)};
  if (tracer::isTracing()) {
    // The traced network must resize even if the sizes are equal in this call.
    trace_size("output_size", 2, like);
  } else if (features.size(2) == size[0] && features.size(3) == size[1]) {
    return features;
  } else if (is_deterministic(features)) {
    return resize_deterministic(
        features,
        {size[0], size[1], step_of(features.size(2), size[0]),
         step_of(features.size(3), size[1])},
        corners
    );
  }
  const bool keeps_corners = corners == AlignCorners::kYes;
  if (features.scalar_type() == torch::kBFloat16 && features.is_cpu()) {
    // LibTorch has no vectorised bfloat16 kernel: it is some six times slower
    // than this detour through float32.
    return at::upsample_bilinear2d(
               features.to(torch::kFloat32), size, keeps_corners
    )
        .to(torch::kBFloat16);
  }
  return at::upsample_bilinear2d(features, size, keeps_corners);
}

torch::Tensor rescale(
    const torch::Tensor& features, double factor, AlignCorners corners
) {
  const auto scaled = [&](int64_t axis) {
    return static_cast<double>(features.size(axis)) * factor;
  };
  const auto side = [&](int64_t axis) {
    return std::max<int64_t>(1, static_cast<int64_t>(scaled(axis)));
  };
  const bool keeps_corners = corners == AlignCorners::kYes;
  if (is_deterministic(features)) {
    return resize_deterministic(
        features, {side(2), side(3), 1 / factor, 1 / factor}, corners
    );
  }
  const bool vanishes = scaled(2) < 1 || scaled(3) < 1;
  if (vanishes && !tracer::isTracing()) {
    return at::upsample_bilinear2d(features, {side(2), side(3)}, keeps_corners);
  }
  return at::upsample_bilinear2d(
      features, at::OptionalIntArrayRef(), keeps_corners,
      std::vector<double>{factor, factor}
  );
}

torch::Tensor spread_like(
    const torch::Tensor& values, const torch::Tensor& like
) {
  if (tracer::isTracing()) trace_size("size", 4, like);
  return values.expand({-1, -1, like.size(2), like.size(3)});
}

}  // namespace deeplab::nn
