// SPDX-License-Identifier: Apache-2.0
#include "deeplab/nn/resize.h"

#include <ATen/ops/upsample_bilinear2d.h>
#include <torch/csrc/jit/frontend/tracer.h>

namespace deeplab::nn {
namespace {

namespace tracer = torch::jit::tracer;

/// Makes the last two sides of the next size that an operator is given, of
/// `count` sides under that name, those of `like` in each call.
void trace_size(const char* argument, size_t count, const torch::Tensor& like) {
  for (const size_t side : {0U, 1U}) {
    tracer::ArgumentStash::stashIntArrayRefElem(
        argument,
        count,
        count - 2 + side,
        tracer::getSizeOf(like, static_cast<int64_t>(side) + 2)
    );
  }
}

}  // namespace

torch::Tensor resize_like(
    const torch::Tensor& features,
    const torch::Tensor& like,
    AlignCorners corners
) {
  const std::vector<int64_t> size{like.size(2), like.size(3)};
  if (tracer::isTracing()) {
    // Another call may need what this one would not.
    trace_size("output_size", 2, like);
  } else if (features.size(2) == size[0] && features.size(3) == size[1]) {
    return features;
  }
  return at::upsample_bilinear2d(features, size, corners == AlignCorners::kYes);
}

torch::Tensor rescale(
    const torch::Tensor& features, double factor, AlignCorners corners
) {
  const auto scaled = [&](int64_t side) {
    return static_cast<double>(side) * factor;
  };
  const bool vanishes =
      scaled(features.size(2)) < 1 || scaled(features.size(3)) < 1;
  if (vanishes && !tracer::isTracing()) {
    const auto side = [&](int64_t axis) {
      return std::max<int64_t>(
          1, static_cast<int64_t>(scaled(features.size(axis)))
      );
    };
    return at::upsample_bilinear2d(
        features, {side(2), side(3)}, corners == AlignCorners::kYes
    );
  }
  return at::upsample_bilinear2d(
      features,
      c10::nullopt,
      corners == AlignCorners::kYes,
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
