// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <torch/types.h>

namespace deeplab {

/// The label of pixels that are ignored by losses and metrics.
constexpr int64_t kVoid = 255;

/// One image, ready for a network, with its ground truth.
struct Sample {
  /// Float [3, H, W], RGB, normalized.
  torch::Tensor image;
  /// Int64 [H, W], each value a class or kVoid.
  torch::Tensor labels;
  /// U8 [H, W, 3], RGB: the original image, for a CRF or a picture. Undefined
  /// in training.
  torch::Tensor pixels;
  /// Origin of the sample, for messages: a path or an index.
  std::string name;
};

/// Samples of equal size, stacked.
struct Batch {
  /// Float [N, 3, H, W].
  torch::Tensor images;
  /// Int64 [N, H, W].
  torch::Tensor labels;
  std::vector<std::string> names;
};

/// Returns the training batch of an iteration. The same iteration always gives
/// the same bits, so a run can resume anywhere.
using BatchSource = std::function<Batch(int64_t iteration)>;

/// A data set for evaluation: complete images in a fixed order.
struct SampleSource {
  int64_t size = 0;
  std::function<Sample(int64_t index)> at;
};

}  // namespace deeplab
