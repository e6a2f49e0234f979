// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "deeplab/weights/state_dict.h"

namespace deeplab::weights {

/// A safetensors file is a checkpoint of ours if its metadata has this key; its
/// network's tensors are those with this prefix.
constexpr const char* kCheckpointMark = "deeplab_checkpoint";
constexpr const char* kCheckpointNetwork = "model.";

/// Reads a file of weights: safetensors (our checkpoints among them), or what
/// torch.save wrote in zip form, whether a state_dict or a dict that wraps one
/// under "model", "state_dict" or "model_state". A leading "module." of names
/// is cut off. Nothing in the file is executed.
/// Throws: DataError that begins with `path`.
StateDict read_weights(const std::string& path);

}  // namespace deeplab::weights
