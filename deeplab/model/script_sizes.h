// SPDX-License-Identifier: Apache-2.0
// Which image sizes the code of a TorchScript file takes.
#pragma once

#include <optional>
#include <string>

#include <torch/csrc/jit/api/module.h>
#include <torch/types.h>

#include "deeplab/core/segmenter.h"

namespace deeplab::model {

/// Runs a script without optimizing it. By default, LibTorch's executor
/// profiles two calls and then compiles parts of the script for the sizes that
/// it saw. For a large network this takes LibTorch 2.6 more than ten minutes,
/// and it starts again for other sizes.
c10::IValue run_script(torch::jit::Module& script, const torch::Tensor& images);

/// Returns images [N, C, H, W] resized to another size.
torch::Tensor resized(const torch::Tensor& images, const ImageSize& size);

/// Returns images whose last row and column are repeated until both sides are
/// multiples of `multiple`.
torch::Tensor padded(const torch::Tensor& images, int64_t multiple);

/// For images that the script rejects, returns the smallest usual number such
/// that it accepts sides that are multiples of it; nullopt if there is none up
/// to 128.
std::optional<int64_t> find_multiple(
    torch::jit::Module& script, const torch::Tensor& images
);

/// Returns the reason why a script rejects images: the one size at which it was
/// traced, if there is one, or else the last line of `error`.
std::string explain_failure(
    torch::jit::Module& script,
    const torch::Tensor& images,
    const std::string& error
);

/// Returns the size to which images must be resized if the script returns
/// scores of the size `scores` for images of every size; nullopt otherwise.
std::optional<ImageSize> bound_size(
    torch::jit::Module& script,
    const torch::Tensor& images,
    const ImageSize& scores
);

}  // namespace deeplab::model
