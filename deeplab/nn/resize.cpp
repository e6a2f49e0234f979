// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/resize.h"

#include <algorithm>
#include <vector>

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <torch/csrc/jit/frontend/tracer.h>

#include "deeplab/nn/determinism.h"
#include "deeplab/nn/matrix_resize.h"
#include "deeplab/nn/resize_centres.h"
#include "deeplab/nn/whole_resize.h"

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

/// Returns a tensor of the size of rescale()'s result. While a network is
/// traced, the size stays a variable of the trace.
torch::Tensor rescaled_size(const torch::Tensor& features, double factor) {
  std::vector<int64_t> size{1, 1};
  for (const int64_t axis : {2, 3}) {
    const auto steps = static_cast<double>(features.size(axis) - 1);
    size.push_back(static_cast<int64_t>(steps * factor) + 1);
    if (!tracer::isTracing()) continue;
    const auto pixels = tracer::getSizeOf(features, axis).to(torch::kFloat64);
    tracer::ArgumentStash::stashIntArrayRefElem(
        "size", 4, static_cast<size_t>(axis),
        ((pixels - 1) * factor).floor().to(torch::kInt64) + 1
    );
  }
  auto one = features.detach();
  for (const int64_t axis : {0, 1, 2, 3}) one = one.narrow(axis, 0, 1);
  return one.expand(size);
}

}  // namespace

torch::Tensor mean_bins(const torch::Tensor& features, int64_t bins) {
  return is_deterministic(features)
             ? mean_bins_with_matrices(features, bins)
             : at::adaptive_avg_pool2d(features, {bins, bins});
}

torch::Tensor upsample(
    const torch::Tensor& features,
    const std::vector<int64_t>& size,
    bool keeps_corners
) {
  if (features.scalar_type() == torch::kBFloat16 && features.is_cpu()) {
    return at::upsample_bilinear2d(
               features.to(torch::kFloat32), size, keeps_corners
    )
        .to(torch::kBFloat16);
  }
  return at::upsample_bilinear2d(features, size, keeps_corners);
}

torch::Tensor resize_like(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const Resampling& resampling
) {
  if (TraceWholeResizes::is_active()) {
    return trace_resize_like(features, like, resampling);
  }
  if (resampling.alignment == Alignment::kCentres) {
    return resize_centres(features, like, resampling.from, resampling.to);
  }
  const bool keeps_corners = resampling.alignment == Alignment::kCorners;
  const std::vector<int64_t> size{like.size(2), like.size(3)};
  if (tracer::isTracing()) {
    // The traced network must resize even if the sizes are equal in this call.
    trace_size("output_size", 2, like);
  } else if (features.size(2) == size[0] && features.size(3) == size[1]) {
    return features;
  } else if (is_deterministic(features)) {
    const auto positions = keeps_corners ? corner_positions : edge_positions;
    return resize_with_matrices(
        features, like, positions(features.size(2), size[0]),
        positions(features.size(3), size[1])
    );
  }
  return upsample(features, size, keeps_corners);
}

torch::Tensor rescale(
    const torch::Tensor& features, double factor, Alignment alignment
) {
  if (TraceWholeResizes::is_active()) {
    return trace_rescale(features, factor, alignment);
  }
  if (alignment == Alignment::kCentres) {
    return resize_centres(
        features, rescaled_size(features, factor), {0, 1}, {0, 1 / factor}
    );
  }
  const bool keeps_corners = alignment == Alignment::kCorners;
  const auto scaled = [&](int64_t axis) {
    return static_cast<double>(features.size(axis)) * factor;
  };
  const auto side = [&](int64_t axis) {
    return std::max<int64_t>(1, static_cast<int64_t>(scaled(axis)));
  };
  if (is_deterministic(features)) {
    const auto positions = [&](int64_t axis) {
      return keeps_corners ? corner_positions(features.size(axis), side(axis))
                           : Positions{0.5 / factor - 0.5, 1 / factor};
    };
    const auto like =
        torch::empty({1, 1, side(2), side(3)}, features.options());
    return resize_with_matrices(features, like, positions(2), positions(3));
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
