// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
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

/// A TorchScript file whose forward takes images and gives a tensor, a tuple or
/// list whose first item is one, or a dict with "out"; scores at another size
/// than the image's are upsampled. Throws: DataError naming the file; from the
/// segmenter too, for an output
///         that is none of these or that the file's own code refuses.
Segmenter load_torchscript(const std::string& path, torch::Device device);

}  // namespace deeplab::model
