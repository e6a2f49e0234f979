// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <torch/types.h>

#include "deeplab/nn/feature_grid.h"

namespace deeplab::nn {

/// Selects the points of two maps that coincide when one is resized to the
/// other.
enum class Alignment {
  /// The pixels at which their features look (see FeatureGrid), for any sizes.
  kCentres,
  /// The outer edges of the corner pixels: PyTorch's `align_corners` false.
  kEdges,
  /// The centres of the corner pixels: PyTorch's `align_corners` true, as in
  /// TensorFlow. If features look at every s-th pixel from the first on, this
  /// is the same as kCentres for images whose sides are multiples of s plus 1;
  /// images of other sizes are stretched.
  kCorners,
};

/// Describes how one map is resized to another.
struct Resampling {
  Alignment alignment;
  /// The grids of the source and of the result; only kCentres reads them.
  FeatureGrid from;
  FeatureGrid to;
};

/// Resizes bilinearly to the size of another map. While a network is traced,
/// that size stays a variable of the trace. With kCentres, pixels outside of
/// the source's features get the value of the nearest one.
///
/// Shapes: [N, C, h, w] -> [N, C, H, W], where H and W are those of `like`.
torch::Tensor resize_like(
    const torch::Tensor& features,
    const torch::Tensor& like,
    const Resampling& resampling
);

/// Resizes bilinearly by a factor. With kCentres, pixel k of the result is
/// the source at k / factor. The result's sides are at least 1.
///
/// Shapes: [N, C, h, w] -> [N, C, h', w'], where h' is floor((h - 1) * factor)
///         + 1 with kCentres, and floor(h * factor) otherwise; w' likewise.
torch::Tensor rescale(
    const torch::Tensor& features, double factor, Alignment alignment
);

/// Calls at::upsample_bilinear2d. For bfloat16 on the CPU, for which LibTorch
/// has no vectorised kernel, a detour through float32 makes it some six times
/// as fast.
torch::Tensor upsample(
    const torch::Tensor& features,
    const std::vector<int64_t>& size,
    bool keeps_corners
);

/// Averages the map over bins x bins cells (adaptive average pooling). If the
/// sides of the map are not a multiple of `bins`, neighbouring cells overlap by
/// a pixel.
///
/// Shapes: [N, C, h, w] -> [N, C, bins, bins].
torch::Tensor mean_bins(const torch::Tensor& features, int64_t bins);

/// Repeats one value per channel at every pixel of the map `like`.
///
/// Shapes: [N, C, 1, 1] -> [N, C, H, W], where H and W are those of `like`.
torch::Tensor spread_like(
    const torch::Tensor& values, const torch::Tensor& like
);

}  // namespace deeplab::nn
