// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <torch/types.h>

#include "deeplab/model/deeplab.h"

namespace deeplab::model {

/// Anything that turns images into scores of classes.
///
/// Shapes: float [N, 3, H, W], normalised -> logits [N, num_classes, H, W].
using Segmenter = std::function<torch::Tensor(const torch::Tensor& images)>;

/// The network in evaluation mode, without gradients. After each call train()
/// is set again, if it was; modules that were set apart from it (frozen batch
/// norm) are not.
Segmenter make_segmenter(DeepLab network);

/// Height and width of an image.
struct ImageSize {
  int64_t height;
  int64_t width;
};

/// How to run a TorchScript file.
struct ScriptUse {
  torch::Device device = torch::kCPU;
  /// Images are resized to this first, for a file that was traced at one size.
  std::optional<ImageSize> resize;
};

/// A TorchScript file whose forward takes images and gives a tensor, a tuple or
/// list whose first item is one, or a dict with "out"; scores at another size
/// than the image's are upsampled.
/// Throws: DataError naming the file, and the operator that this LibTorch has
///         not; from the segmenter too, for an output that is none of these or
///         an image that the file's own code refuses. A file that was traced
///         at one size and runs at no other is told by trying the sizes in its
///         code, and the message names the one that works.
Segmenter load_torchscript(const std::string& path, const ScriptUse& use);

}  // namespace deeplab::model
