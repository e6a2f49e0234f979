// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <torch/types.h>

namespace deeplab {

/// The label of pixels that neither loss nor metric looks at.
constexpr int64_t kVoid = 255;

/// One image ready for a network, with its truth.
struct Sample {
  /// Float [3, H, W], RGB, normalised.
  torch::Tensor image;
  /// Int64 [H, W], each a class or kVoid.
  torch::Tensor labels;
  /// Where it came from, for messages: a path or an index.
  std::string name;
};

/// Samples of one size, stacked.
struct Batch {
  /// Float [N, 3, H, W].
  torch::Tensor images;
  /// Int64 [N, H, W].
  torch::Tensor labels;
  std::vector<std::string> names;
};

/// Hands out the training batch of an iteration. The same iteration gives the
/// same bits whenever it is asked for, so that a run can resume anywhere.
using BatchSource = std::function<Batch(int64_t iteration)>;

/// A data set for evaluation: whole images, in a fixed order.
struct SampleSource {
  int64_t size = 0;
  std::function<Sample(int64_t index)> at;
};

}  // namespace deeplab
